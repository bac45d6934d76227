# The workflow with its environment, for one machine, one pod or one virtual machine of a cloud:
#   docker build -t implicitbias .
#   docker run --rm -v "$PWD:/project" implicitbias snakemake --cores all --config scale=smoke
# The folder that is mounted at /project is a clone of the project; results and data go there.
FROM python:3.11-slim-bookworm

# Torch for CPUs. For a GPU: --build-arg TORCH_INDEX=https://pypi.org/simple, which takes CUDA along.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

WORKDIR /opt/implicitbias
COPY pyproject.toml constraints.txt README.md LICENSE Snakefile ./
COPY workflow workflow
COPY src src
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -c constraints.txt ".[data,workflow]"

WORKDIR /project
CMD ["implicitbias", "--help"]

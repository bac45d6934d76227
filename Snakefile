# The workflow stands in workflow/Snakefile; with this file, `snakemake` works in the project's folder.
include: "workflow/Snakefile"


workflow.default_target = TARGET

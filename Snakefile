from snakemake.utils import min_version

from implicitbias.plan.config import overlays

min_version("9.20")


# Later configs override earlier ones: config.yaml, then the scale, then --configfile and --config.
configfile: "config.yaml"


for overlay in overlays(config.get("scale", "")):

    configfile: overlay


include: "workflow/rules/plan.smk"
include: "workflow/rules/data.smk"


if not PLAN.config.trained_only:

    include: "workflow/rules/train.smk"


include: "workflow/rules/measure.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        REPORT,
        # The raw material is wanted too: records lost since the report was made are made again.
        all_provenance,

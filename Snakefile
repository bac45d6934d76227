from snakemake.utils import min_version

min_version("9.20")


# Later configs override earlier ones: config.yaml, then the scale, then --configfile and --config.
configfile: "config.yaml"


if config["scale"] != "small":

    configfile: f"workflow/scales/{config['scale']}.yaml"


include: "workflow/rules/plan.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        REPORT,

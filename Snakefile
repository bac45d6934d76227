from snakemake.utils import min_version

min_version("9.20")


# What the user wrote: config.yaml, over it --configfile, over it --config. The papers' figures and the
# scale lie below all of it: workflow/rules/plan.smk.
configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/plan.smk"
include: "workflow/rules/data.smk"


if not PLAN.config.trained_only:

    include: "workflow/rules/train.smk"


include: "workflow/rules/measure.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


onstart:
    try:
        INVOCATION.begin(workflow.dag_settings)
    except ib.UserError as error:
        raise WorkflowError(str(error)) from None


onsuccess:
    INVOCATION.end()


onerror:
    logger.error(INVOCATION.failures())
    INVOCATION.end()


rule all:
    default_target: True
    input:
        REPORT,
        # The raw material is wanted too: records lost since the report was made are made again.
        all_provenance,

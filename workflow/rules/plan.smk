# The plan of this config, and the functions that rules ask for their inputs. Holds no rule, writes
# nothing: it is parsed again in sub-processes and on compute nodes.
import sys
from pathlib import Path
from shlex import quote

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from implicitbias.plan import workflow as ib

# HERE is defined in the Snakefile that includes this file.
try:
    if workflow.modifier.is_main_snakefile():
        PLAN = ib.plan(
            config,
            workflow.configfiles,
            workflow.config_settings.configfiles,
            workflow.config_settings.config,
            HERE,
        )
    else:  # a module of another workflow: the files and --config are that workflow's
        PLAN = ib.plan_of_module(
            config, workflow.configfiles, workflow.config_settings.config, HERE
        )
except ib.UserError as error:
    raise WorkflowError(str(error)) from None
if workflow.is_main_process:
    defaults = workflow.resource_settings.default_resources or ()
    for warning in (*PLAN.warnings, *ib.overruled(defaults)):
        logger.warning(warning)

# Jobs run the Python that runs this, also where its environment is not activated; with --sdm they
# run that of the environment.
FINDS = f"export PATH={quote(str(Path(sys.executable).parent))}:$PATH; "
DEPLOYED = workflow.deployment_settings.deployment_method
shell.prefix(("" if DEPLOYED else FINDS) + ib.exports(PLAN))
STANDING = ib.Standing(PLAN, ib.config_text(PLAN))
INVOCATION = ib.Invocation(PLAN, STANDING)
if workflow.is_main_process:
    try:
        INVOCATION.check_targets(sys.argv[1:])
        INVOCATION.check_writable()
    except ib.UserError as error:
        raise WorkflowError(str(error)) from None


def made_of(inputs, output):
    """Inputs of an output, whose times say nothing where its content is known to be theirs.

    An output whose content is known to be of something else is made again. Snakemake knows that by
    its own notes, which results lack that were made elsewhere.
    """
    if output in STANDING.stale and workflow.is_main_process:
        workflow.dag.forcefiles.add(str(output))
    known = output in STANDING.right and not ib.forced(workflow.dag_settings)
    return [ancient(path) for path in inputs] if known else inputs


ASK = ib.Resources(PLAN)
# A priority above that of any pack: for data, and for figures as soon as they can be made.
AT_ONCE = 10**9
# What Snakemake does for "group_{wildcard}", done for groups that functions name: all of them are
# sized by the entry `shared` of the profile's group-components.
workflow.parent_groupids.update(dict.fromkeys(ASK.groups, "shared"))


def grouped():
    """Whether jobs that share a job are a group of Snakemake's; for SLURM the executor shares them."""
    return "shared" in workflow.group_settings.group_components


RESULTS = str(PLAN.results)
DATA = PLAN.config.data_dir
REPORT = f"{RESULTS}/report.html"
# A pack that was interrupted (a signal, a time limit, a lost node) goes on from its checkpoint in the
# same invocation. A job parses this again in a Snakemake of its own, where retries would multiply.
RETRIES = PLAN.config.retries if workflow.is_main_process else 0
# The environment for `--sdm conda`; without that option nothing needs conda.
ENVIRONMENT = "../envs/implicitbias.yaml"


wildcard_constraints:
    pack=r"[A-Za-z0-9_.-]+",
    paper=r"[a-z0-9]+",
    figure=r"[a-z0-9_]+",
    # A data set that is there is nobody's output, so that no option makes Snakemake remove it.
    dataset="|".join(ib.absent_data(PLAN)) or "(?!)",


def pack_text(wildcards):
    return PLAN.packs[wildcards.pack].text


def pack_data(wildcards):
    made_of([], STANDING.provenance(wildcards.pack))
    files = [f"{DATA}/{name}.npz" for name in ib.datasets(PLAN, wildcards.pack)]
    if PLAN.trained(wildcards.pack) and not ib.forced(workflow.dag_settings):
        return [file for file in files if Path(file).exists()]  # it needs none to stay
    return files


# What depends on the config's `cluster` gives None for what is not set: then it is not asked for.
def pack_minutes(wildcards, attempt):
    return ASK.minutes(wildcards.pack, attempt)


def pack_priority(wildcards):
    """Estimated seconds: the longest pack starts first, so that no core idles at the end."""
    return round(ASK.seconds(wildcards.pack))


def pack_megabytes(wildcards, attempt):
    return ASK.megabytes(wildcards.pack, attempt)


def pack_device(wildcards):
    return ASK.device(wildcards.pack)


def pack_gpus(wildcards):
    return ASK.gpus(wildcards.pack)


def pack_gpu_model(wildcards):
    return ASK.gpu_model(wildcards.pack)


def pack_partition(wildcards):
    return ASK.place(wildcards.pack).partition


def pack_constraint(wildcards):
    return ASK.place(wildcards.pack).constraint


def pack_shared(wildcards):
    """The SLURM job that a short pack shares with others."""
    return ASK.group(wildcards.pack)


def pack_shared_of(wildcards):
    return ASK.members(ASK.group(wildcards.pack))


def pack_group(wildcards):
    return ASK.group(wildcards.pack) if grouped() else None


def small_minutes(wildcards, attempt):
    return ASK.small_minutes(attempt)


def small_megabytes(wildcards, attempt):
    return ib.SMALL_MB * attempt


def figure_key(wildcards):
    return f"{wildcards.paper}/{wildcards.figure}"


def figure_minutes(wildcards, attempt):
    return ASK.small_minutes(attempt, figure_key(wildcards))


def figure_shared(wildcards):
    """The SLURM job in which figures of a paper are measured, or drawn."""
    return ASK.figure_group(figure_key(wildcards))


def figure_shared_of(wildcards):
    return ASK.members(ASK.figure_group(figure_key(wildcards)))


def figure_group(wildcards):
    return ASK.figure_group(figure_key(wildcards)) if grouped() else None


def small_partition(wildcards):
    return ASK.place().partition


def small_constraint(wildcards):
    return ASK.place().constraint


def account(wildcards):
    return ASK.cluster.account


def figure_plan(wildcards):
    return PLAN.figures[figure_key(wildcards)]


def provenance(packs):
    """What a training leaves last. The records lie beside it; Snakemake never removes them."""
    return [f"{RESULTS}/packs/{name}/records/provenance.json" for name in packs]


def figure_records(wildcards):
    packs = provenance(figure_plan(wildcards).packs)
    return made_of(packs, STANDING.table(figure_key(wildcards)))


def figure_table(wildcards):
    key = figure_key(wildcards)
    return made_of([str(STANDING.table(key))], STANDING.picture(key))


def metric_code(wildcards):
    return ib.code(ib.metric_files())


def figure_definition(wildcards):
    return figure_plan(wildcards).definition


def figure_metrics(wildcards):
    """In the order of the config: the first rank that it lists is drawn first."""
    return figure_plan(wildcards).metrics


def figure_code(wildcards):
    return ib.code(ib.figure_files(figure_key(wildcards)))


def figure_caption(wildcards):
    return ib.figure_caption(figure_plan(wildcards))


def all_figures(wildcards):
    stems = [f"{RESULTS}/figures/{key}" for key in PLAN.figures]
    files = [f"{stem}.{kind}" for stem in stems for kind in ib.KINDS]
    return made_of(files, STANDING.report)


def all_provenance(wildcards):
    return provenance(PLAN.packs)


def all_records(wildcards):
    """What the report reads of the runs themselves: their spectra, and where they were trained."""
    return made_of(provenance(PLAN.packs), STANDING.report)


def all_tables(wildcards):
    return made_of([str(STANDING.table(key)) for key in PLAN.figures], STANDING.report)


def all_claims(wildcards):
    claims = [f"{RESULTS}/claims/{key}.json" for key in PLAN.figures]
    return made_of(claims, STANDING.report)


def report_config(wildcards):
    made_of([], STANDING.config)
    return made_of([str(STANDING.config)], STANDING.report)


def published_figures(wildcards):
    """The figures of the runs tracked in the repository, shown under ours in the report."""
    if PLAN.results == ib.PUBLISHED:
        return []
    kinds = ("figures/*/*.svg", "figures/*/*.png", "figures/*/*.csv", "claims/*/*.json")
    files = [str(p) for kind in kinds for p in sorted(ib.PUBLISHED.glob(kind))]
    return made_of(files, STANDING.report)

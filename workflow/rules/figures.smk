rule figure:
    input:
        table=figure_table,
    output:
        claims=report(
            f"{RESULTS}/claims/{{paper}}/{{figure}}.json",
            category="{paper}",
            labels={"figure": "{figure}", "what": "verdicts"},
            caption="../report/figure.rst",
        ),
        svg=report(
            f"{RESULTS}/figures/{{paper}}/{{figure}}.svg",
            category="{paper}",
            labels={"figure": "{figure}", "what": "picture"},
            caption="../report/figure.rst",
        ),
        png=f"{RESULTS}/figures/{{paper}}/{{figure}}.png",
        pdf=f"{RESULTS}/figures/{{paper}}/{{figure}}.pdf",
        csv=report(
            f"{RESULTS}/figures/{{paper}}/{{figure}}.csv",
            category="{paper}",
            labels={"figure": "{figure}", "what": "plotted numbers"},
            caption="../report/figure.rst",
        ),
    log:
        f"{RESULTS}/logs/figure/{{paper}}/{{figure}}.log",
    priority: AT_ONCE
    group:
        figure_group
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=figure_minutes,
        mem_mb=small_megabytes,
        slurm_partition=small_partition,
        slurm_account=account,
        constraint=small_constraint,
        shared=figure_shared,
        shared_of=figure_shared_of,
        lane=1,
    params:
        scale=PLAN.config.scale,
        caption=figure_caption,
        metrics=figure_metrics,
        code=figure_code,
    shell:
        "python -m implicitbias figure {wildcards.paper}/{wildcards.figure} --scale {params.scale}"
        " --table {input.table:q} --claims {output.claims:q} --out {output.svg:q}"
        " --metrics {params.metrics:q} > {log:q} 2>&1"

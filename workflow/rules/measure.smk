rule measure:
    input:
        records=figure_records,
    output:
        report(
            f"{RESULTS}/tables/{{paper}}/{{figure}}.parquet",
            category="{paper}",
            labels={"figure": "{figure}", "what": "table"},
            caption="../report/table.rst",
        ),
    log:
        f"{RESULTS}/logs/measure/{{paper}}/{{figure}}.log",
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
        definition=figure_definition,
        code=metric_code,
    shell:
        "python -m implicitbias measure --definition {params.definition:q} --out {output:q}"
        " {input.records:q} > {log:q} 2>&1"

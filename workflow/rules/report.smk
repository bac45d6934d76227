import mimetypes

# Snakemake's own report (`make report`) offers tables for download and does not show their bytes.
mimetypes.add_type("application/vnd.apache.parquet", ".parquet")


report: "../report/workflow.rst"


rule config:
    output:
        f"{RESULTS}/config.json",
    log:
        f"{RESULTS}/logs/config.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        text=ib.config_text(PLAN),
    shell:
        "printf '%s\\n' {params.text:q} > {output:q} 2> {log:q}"


rule report:
    input:
        config=report_config,
        figures=all_figures,
        claims=all_claims,
        tables=all_tables,
        records=all_records,
        published=published_figures,
    output:
        REPORT,
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=small_minutes,
        mem_mb=small_megabytes,
        slurm_partition=small_partition,
        slurm_account=account,
        constraint=small_constraint,
        lane=1,
    params:
        published=ib.PUBLISHED,
    shell:
        "python -m implicitbias report {input.config:q} --out {output:q}"
        " --published {params.published:q} > {log:q} 2>&1"

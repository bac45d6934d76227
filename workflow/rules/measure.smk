rule measure:
    input:
        records=figure_records,
        code=figure_metric_code,
    output:
        f"{RESULTS}/tables/{{paper}}/{{figure}}.parquet",
    log:
        f"{RESULTS}/logs/measure/{{paper}}/{{figure}}.log",
    conda:
        ENVIRONMENT
    params:
        request=figure_request,
    shell:
        "python -m implicitbias measure --request {params.request:q} --out {output:q}"
        " {input.records:q} > {log:q} 2>&1"

rule data:
    output:
        f"{DATA}/{{dataset}}.npz",
    log:
        f"{RESULTS}/logs/data/{{dataset}}.log",
    priority: AT_ONCE
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        'python -m implicitbias data fetch {wildcards.dataset} --data-dir "$(dirname {output:q})"'
        " > {log:q} 2>&1"

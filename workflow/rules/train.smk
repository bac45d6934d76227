# Data folder, device and checkpoint interval are resources, not params: changing them must not train again.
rule pack:
    output:
        f"{RESULTS}/packs/{{pack}}/pack.json",
    log:
        f"{RESULTS}/logs/pack/{{pack}}.log",
    priority: pack_priority
    localrule: True
    conda:
        ENVIRONMENT
    params:
        text=pack_text,
    shell:
        "python -m implicitbias pack --text {params.text:q} {output:q} > {log:q} 2>&1"


rule train:
    input:
        pack=ancient(f"{RESULTS}/packs/{{pack}}/pack.json"),
        data=ancient(pack_data),
    # Snakemake removes outputs before a job and after one that fails. The records are not among
    # them: a training that is complete is found complete (base/provenance.py).
    output:
        f"{RESULTS}/packs/{{pack}}/records/provenance.json",
    log:
        f"{RESULTS}/logs/train/{{pack}}.log",
    priority: pack_priority
    retries: RETRIES
    group:
        pack_group
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        data_dir=DATA,
        scratch_dir=PLAN.config.cluster.scratch_dir or "",
        device=pack_device,
        checkpoint_seconds=str(PLAN.config.checkpoint_seconds),  # of numbers Snakemake keeps the integer part
        runtime=pack_minutes,
        mem_mb=pack_megabytes,
        gpu=pack_gpus,
        gpu_model=pack_gpu_model,
        slurm_partition=pack_partition,
        slurm_account=account,
        constraint=pack_constraint,
        shared=pack_shared,
        shared_of=pack_shared_of,
        lane=1,
    # A signal goes to every process of a job: the shell must outlive the checkpoint. What a job writes
    # that was started again, or requeued, follows what it has written before.
    shell:
        "trap : INT TERM HUP; "
        "python -m implicitbias train {input.pack:q} --data-dir {resources.data_dir:q} --threads {threads}"
        " --wait --device {resources.device} --checkpoint-seconds {resources.checkpoint_seconds}"
        " --scratch-dir={resources.scratch_dir:q} >> {log:q} 2>&1"

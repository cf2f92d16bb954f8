"""A DAG that deploys: the runbook is its one task, and a form asks for target and revision.

Copy it into the DAG folder. docs/ci.md says what the worker needs.
"""

import os

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG, Param

PROJECT = os.environ["LEXIKON_RUNBOOK_PROJECT"]

with DAG(
    dag_id="lexikon_deploy",
    description="Deploy the pending revisions, as runbooks/deploy.ipynb does",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["lexikon", "database"],
    params={
        "target": Param("staging", type="string", description="a target of runbook.toml"),
        "revision": Param("head", type="string", description="an id, head, heads, LABEL@head, +N"),
        "approve": Param("", type="string", description="the digest of the plan that may run"),
        "reason": Param("", type="string", description="why, for the record"),
    },
) as dag:
    PapermillOperator(
        task_id="deploy",
        input_nb=f"{PROJECT}/runbooks/deploy.ipynb",
        output_nb=PROJECT + "/deploy-{{ run_id }}.out.ipynb",
        # Templates render to text, so a revision like 12345678e901 stays text.
        parameters={
            "target": "{{ params.target }}",
            "revision": "{{ params.revision }}",
            "approve": "{{ params.approve }}",
            "reason": "{{ params.reason }}",
        },
        # A person decides about a second try; the runbook itself waits for locks and tries again.
        retries=0,
    )

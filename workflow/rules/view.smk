# What `snakemake --logger fd2` shows: the view of this config, and the run's jobs once they are known.


def followers():
    """Log handlers that follow a run; of the logger fd2, but in a dry run."""
    handlers = workflow.logger_manager.get_log_handlers()
    return [handler for handler in handlers if getattr(handler, "follows", False)]


def asked_outputs():
    """Rule and files of each job behind the targets, done or not."""
    return [(job.rule.name, list(map(str, job.output))) for job in workflow.dag.jobs]


def begin_view():
    """Hand over the jobs that will run, with what each waits for."""
    from fd2.planning.schedule import Machine
    from fd2.watch.jobs import watched_job

    dag = workflow.dag
    jobs = {job: dag.jobid(job) for job in dag.needrun_jobs() if job.output}
    local = workflow.local_exec
    watched = [
        watched_job(
            PROJECT,
            number,
            job.rule.name,
            list(map(str, job.output)),
            list(map(str, job.log)),
            job.threads if local else 1,
            gpu=local and (job.resources.get("gpu") or 0) > 0,
            after=[jobs[other] for other in dag.dependencies[job] if other in jobs],
        )
        for job, number in jobs.items()
    ]
    asked = workflow.global_resources.get("gpu")
    shares = int(asked.value) if asked is not None else 1
    # On a cluster jobs share nothing but the number of those at once.
    machine = Machine(workflow.cores, shares) if local else Machine(workflow.nodes)
    for view in VIEWS:
        view.begin(watched, machine)


VIEWS = []
if workflow.is_main_process and followers():
    from fd2.planning.project import Project
    from fd2.watch.screen import Screen
    from fd2.watch.view import RunView

    PROJECT = Project(Path.cwd(), tuple(map(str, GIVEN.configfiles)), SETTINGS)
    for follower in followers():
        follower.view = RunView(PROJECT, Screen(follower.stream), asked_outputs)
        VIEWS.append(follower.view)

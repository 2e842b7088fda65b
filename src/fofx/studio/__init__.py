"""The studio: the web app of fofx on this machine (NiceGUI). `fofx studio` starts it; `app.serve` is the same in Python.

    app.py        serve(...): the server: pages, widget sockets, the guard in front of all of them
    guard.py      who may come in: Host, Origin, token; how large a request may be; policy.py: what a page may load
    bridge.py     show(widget): any anywidget on a page, with binary frames both ways; link.py, bridge.js: the two ends
    workspace.py  the runs folder: list, load, uploads, delete with undo; contents.py: what a file really holds; archive.py: zips
    jobs.py       trainings, each in its own process, which outlive a reload and a restart of the server; training.py is that
                  process, standby.py keeps one ready, locks.py says whether it lives, tail.py reads what it writes
    limits.py     how much is allowed, alone and shared
    notice.py     an error as plain data for a page
    pages/        the pages

What a page uses (it gets both callables in `pages.register(workspace_of, jobs_of)`, and calls them inside the page's function):

    workspace = workspace_of()                   # the visitor's Workspace; with sharing each browser has its own
    workspace.runs() -> list[RunLine]            # newest first; RunLine: name, status, outputs, winner, metric, score ...
    workspace.load(name) -> Function             # RunError "no-run", "unfinished-run", "bad-name"
    workspace.upload(filename, file_or_bytes) -> Upload      # checked by content; .key .name .kind .size .path
    workspace.paste(text) -> Upload
    workspace.uploads(); workspace.upload_of(key); workspace.local(path) -> Path       # local: never with sharing
    ticket = workspace.delete(name); workspace.undo(ticket) -> name
    workspace.export(name) -> Path of a zip; workspace.import_run(file_or_bytes) -> name
    jobs = jobs_of()                             # the same visitor's Jobs
    job = jobs.start({"upload": key | "path": "..." | "task": "river", "outputs": [...], "budget": 60, ...}, once=TOKEN)
    job.id, job.name (of the run), job.status ("waiting", "running", "done", "stopped", "failed", "cut-short"), job.run (Path)
    events, cursor = job.events(cursor)          # cursor None at first; plain dicts: what = begun, task, rung, step, history,
    job.cancel(); jobs.resume(job)               #   scored, done, stopped, failed; reads files, so call it with run.io_bound
    jobs.all(); jobs.get(id); jobs.of_run(name)  # newest first; Job or RunError "no-job"; Job or None
    element = show(widget)                       # inside a page; the widget is closed when the visitor leaves
    notice.of(error, lang) -> {"code", "text"}

Nothing here is imported by `import fofx`; importing `fofx.studio` itself imports nothing heavy.
"""

"""The page, the HTTP API and the test of which picture is real; needs the extra `web`.

settings.py    limits of a server, and how a session of "which one is real?" goes
server.py      a socket and Uvicorn
app.py         the application: routes, middleware, answers to errors; framework.py adds what FastAPI leaves out
routes/        one file a subject; service.py holds what they share
receive.py     files and hints that are sent
edits.py       photographs open for editing
jobs.py        films to colour; kept.py holds what both have in common, such as references
pictures.py    small pictures for a screen
gate.py security.py store.py problems.py     limit the work, check who asks, keep files, answer errors
turing/        which one is real?
static/        the pages: plain HTML, CSS and JavaScript, nothing from elsewhere
"""

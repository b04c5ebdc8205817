"""An API that counts its visits in the database that PGHOST and its like name (libpq reads them itself)."""

import psycopg
from fastapi import FastAPI

app = FastAPI(title="Visits")


def count() -> int:
    with psycopg.connect() as db:
        db.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz NOT NULL DEFAULT now())")
        db.execute("INSERT INTO visits DEFAULT VALUES")
        return db.execute("SELECT count(*) FROM visits").fetchone()[0]


@app.get("/")
def visit() -> dict[str, int]:
    return {"visits": count()}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}

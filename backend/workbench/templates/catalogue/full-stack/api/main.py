"""Notes in the database that PGHOST and its like name (libpq reads them itself)."""

from collections.abc import Iterator
from contextlib import asynccontextmanager

import psycopg
from fastapi import Depends, FastAPI
from psycopg.rows import dict_row
from pydantic import BaseModel, Field


@asynccontextmanager
async def lifespan(_: FastAPI):
    with psycopg.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text NOT NULL)")
        connection.execute(
            "INSERT INTO notes (text) SELECT 'Edit page/index.html and watch' WHERE NOT EXISTS (SELECT FROM notes)"
        )
    yield


app = FastAPI(title="Notes", lifespan=lifespan)


class Note(BaseModel):
    text: str = Field(min_length=1, max_length=200)


def database() -> Iterator[psycopg.Connection]:
    with psycopg.connect(row_factory=dict_row) as connection:
        yield connection


@app.get("/api/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/notes")
def list_notes(db: psycopg.Connection = Depends(database)) -> list[dict]:
    return db.execute("SELECT id, text FROM notes ORDER BY id").fetchall()


@app.post("/api/notes", status_code=201)
def add_note(note: Note, db: psycopg.Connection = Depends(database)) -> dict:
    return db.execute("INSERT INTO notes (text) VALUES (%s) RETURNING id, text", [note.text]).fetchone()

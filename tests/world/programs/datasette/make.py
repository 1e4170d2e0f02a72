"""The database that is served."""

import sqlite3

with sqlite3.connect("towns.db") as database:
    database.execute("create table town (name text)")
    database.execute("insert into town values ('Bern')")
database.close()

"""A mixin as frameworks have them: its __init__ never calls that of DurableObject."""


class Stored:
    def __init__(self, ctx, env):
        self.ctx = ctx
        self.rows = ctx.storage.sql
        self.rows.exec("CREATE TABLE IF NOT EXISTS things (name TEXT, data BLOB)")

    def all(self):
        return self.rows.exec("SELECT name, data FROM things ORDER BY name").toArray().to_py()

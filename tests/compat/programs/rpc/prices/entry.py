"""A Worker that only other Workers reach."""

from workers import Response, WorkerEntrypoint

seen = []


class Audit(WorkerEntrypoint):
    async def note(self, entry):
        seen.append(entry.what)
        return len(seen)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        data = await request.json()
        return Response.from_json({"price": data["size"] * self.env.FACTOR}, status=203)

    async def price(self, item, options=None):
        currency = options.currency if options else "?"
        return {"price": item.size * self.env.FACTOR, "currency": currency}

    async def rights(self):
        props = self.ctx.props
        return [props.rights[0], props["rights"].length, props.to_py()]

    async def each(self, items, tell):
        """Tell of the price of each; give a function that says the total."""
        total = 0
        for item in items:
            total += item["size"] * self.env.FACTOR
            await tell({"item": item, "total": total})

        def result(unit):
            return f"{total} {unit}"

        return {"count": len(items), "total": result}

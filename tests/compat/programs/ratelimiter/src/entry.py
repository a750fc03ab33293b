"""How long a client has to wait for its next request: a token bucket in memory, refilled by alarm."""

from js import Date
from workers import DurableObject, Response, WorkerEntrypoint


class RateLimiter(DurableObject):
    milliseconds_per_request = 1
    milliseconds_for_updates = 60_000
    capacity = 3

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.tokens = self.capacity

    async def getMillisecondsToNextRequest(self):
        await self.checkAndSetAlarm()
        if self.tokens <= 0:
            return self.milliseconds_for_updates
        self.tokens -= self.milliseconds_per_request
        return 0

    async def checkAndSetAlarm(self):
        if await self.ctx.storage.getAlarm() is None:
            await self.ctx.storage.setAlarm(Date.now() + self.milliseconds_for_updates)

    async def alarm(self):
        self.tokens = self.capacity


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        ip = request.headers.get("CF-Connecting-IP")
        if ip is None:
            return Response("Could not determine client IP", status=400)
        try:
            stub = self.env.RATE_LIMITER.getByName(ip)
            waits = await stub.getMillisecondsToNextRequest()
            if waits > 0:
                return Response("Rate limit exceeded", status=429, headers={"Retry-After": str(waits // 1000)})
        except Exception:
            return Response("Could not connect to rate limiter", status=502)
        return Response("Call went through")

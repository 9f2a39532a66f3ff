import threading
from contextlib import asynccontextmanager

from fastapi import FastAPI

import fal_video


@asynccontextmanager
async def lifespan(app):
    fal_video.init_store()
    threading.Thread(target=fal_video.reconcile, daemon=True).start()
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(fal_video.router)

"""Settings of the baseline; STOCK_LAYER picks the channel layer: memory, redis or redis_pubsub."""

import os

SECRET_KEY = "only-for-a-benchmark-on-loopback"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["channels"]
ROOT_URLCONF = "benchmarks.stock_channels.asgi"
ASGI_APPLICATION = "benchmarks.stock_channels.asgi.application"
USE_TZ = True

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
# 100 by default, beyond which messages vanish without a word; raised, so that losses flatter no latency.
CAPACITY = int(os.environ.get("STOCK_CAPACITY", "10000"))
LAYERS = {
    "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": CAPACITY}},
    "redis": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # redis-py 8 defaults to socket_timeout=5 and 100 connections: the five-second blocking reads of
            # this layer then kill idle consumers, and the 101st simultaneous join fails.
            "hosts": [{"address": REDIS_URL, "socket_timeout": 30, "max_connections": 10_000}],
            "capacity": CAPACITY,
        },
    },
    "redis_pubsub": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    },
}
CHANNEL_LAYERS = {"default": LAYERS[os.environ.get("STOCK_LAYER", "memory")]}

import os

REDIS_URL = f"unix://{os.environ['BROKER']}"

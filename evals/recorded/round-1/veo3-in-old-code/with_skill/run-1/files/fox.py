import fal_client

result = fal_client.subscribe(
    "fal-ai/veo3",
    arguments={
        "prompt": "a fox crossing a frozen lake",
        "duration": "8s",
    },
)
print(result["video"]["url"])

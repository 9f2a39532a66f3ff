"""Turn a still into a clip."""

import fal_client

MODEL = "fal-ai/kling-video/v3/pro/image-to-video"


def main() -> None:
    """Upload the still and print the URL of the clip."""
    url = fal_client.upload_file("still.jpg")
    result = fal_client.subscribe(
        MODEL,
        arguments={
            "image_url": url,
            "prompt": "the curtain moves in a light breeze",
            "duration": "5",
            "generate_audio": False,
        },
    )
    print(result["video"]["url"])


if __name__ == "__main__":
    main()

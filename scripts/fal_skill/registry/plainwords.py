"""How requests are put: marks, nouns, and words that name no model. Data only."""

from __future__ import annotations

from .vocabulary import form_table, word_set

INPUT_MARKS = word_set(
    """
    between convert existing from given my of these this turn using
    """
)
"""Words that say that the medium after them is what is given."""

ASIDE_MARKS = word_set(
    """
    and plus with without
    """
)
"""Words that say that the medium after them comes along with another."""

OUTPUT_MARKS = word_set(
    """
    as become create generate into make onto to
    """
)
"""Words that say that the medium after them is what is wanted."""

SUBJECT_MARKS = word_set(
    """
    about depicting featuring showing
    """
)
"""Words after which a request tells what is to be seen or heard; ``of`` does it too, after a medium."""

SUBJECT_ENDS = word_set(
    """
    as by for from into through to using via with
    """
)
"""Words that end the telling."""

UNITS = word_set(
    """
    cent dollar dollars h hour hours m megapixel megapixels min minute minutes mp s sec second seconds usd x
    """
)
"""What makes a number before it a quantity and not a version."""

BASE_FORMS = form_table(
    """
    animate: animating
    swap: swapping swapped
    dub: dubbed
    transcribe: transcribing
    song: singing sung
    enlarge: enlarging
    expand: expanding
    change: changing
    replace: replacing
    describe: describing
    translate: translating
    talking: talks
    speak: speaks speaking
    wear: wearing
    colorize: colouring colourize
    tune: tuning tuned
    remove: removes removed
    read: reading
    restore: restoring
    style: stylise
    merge: merging
    join: joining
    cut: cutting
    chat: chatting
    dance: dancing
    lyrics: lyric
    cheap: cheaper
    color: colour
    vectorize: vectorized
    """
)
"""Forms of words of a request, by their base."""

MEDIA_NOUNS = form_table(
    """
    image: image picture photo illustration drawing poster logo wallpaper painting artwork portrait draft shot
        icon banner thumbnail selfie scan pic photograph render mockup still screenshot document sketch
    video: video clip movie film footage reel animation trailer teaser gif commercial
    audio: song audio recording music podcast mp3 wav
    speech: interview speech voiceover narration voice
    3d: 3d mesh
    text: text prompt script screenplay transcript
    """
)
"""Nouns that name a medium, by the medium."""

NAME_RUNS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("stable", "diffusion", "xl"): ("sdxl",),
    ("eleven", "labs"): ("elevenlabs",),
    ("real", "time"): ("realtime",),
    ("lip", "sync"): ("lipsync",),
    ("super", "resolution"): ("upscale",),
    ("black", "forest", "labs"): ("flux",),
    ("dall", "e"): ("gpt", "image"),
}
"""Runs of words of a request that slugs write as one."""

STOP_WORDS = word_set(
    """
    a ai also an and another any are as at be best by can convert could create creates creating do does fal find
    five for four from generate get give good he here how i in into is it its just less like long look looks m
    make makes making me min minute minutes model models more most my need needs new of off old on one only onto
    or other our out over own person please s sec second seconds several she short should so some someone
    something such than that the their them then there these thing things this those three to turn two under up
    us use using very via want we what when where which who with without work works would you your
    """
)
"""Words of a request that say nothing about a model."""

ORDINARY_WORDS = word_set(
    """
    3d aberration ace adapter add advanced age agent aging alibaba align all alpha american angle animate
    anything apartment application apps art async audio aurora auto avatar baby background bagel base basic
    batch batched blend blur body brazilian british broccoli burn calligrapher canny caption cartoonify cascade
    cat category chain change changer character chat chinese chromatic city clarity clean clone color colored
    colorize comic completions compose composition compressor control controlnet correct correction cosmos
    creative crisp cross crystal custom dancer day deblur decompression dehaze denoise dense depth desaturate
    description design detailed detect dev dialog dialogue differential diffusion digital dimensions director
    dissolve distilled dodge dream dubbing edge edit effect element embed embeddings emu end english enhance
    enterprise era eraser estimator expand expression extend extract eye eyed fabric face fashion fast fill film
    find finder finetuned first flash flex flow focus force frame french full fun gallery general generate goal
    google got grain green grounding group guard hair haircut half happy hd headshot hindi holding home horse
    hummingbird hyper id illusion image imagine impulse increase index infinity infographic ingredient inpaint
    instant instruct instruction integrate interleave interpolation inversion invisible isolation italian
    japanese keypoints large last lava layer layered light lighting lightning lipsync lite live long lora lynx
    machine makeup marlin mask masked master material max medium merge metadata microsoft mini mix modify moon
    more motion move multi multilingual multiple multishot muse music net next night nova nsfw nth nvidia object
    objects ocr one open openai outpaint paintbrush part pen perspective photo photoshoot phrase physic pick
    pixel plate playground plus plushie point pony portrait portuguese pose post precision predict prefix
    preview pro processing product professional profile progression prompt proposal quality query raccoon rapid
    ray react real realism realistic realtime reference referring reframe region reimagine relight remix remove
    render replace resemble resize resolution response responses restore retake retexture retouch retoucher
    reverse rewrite rigging router satellite scale scene screen scribble seamless seed segment separate sepia
    sharpen shave shirt shot sigma simulation single size sketch sky small smart solarize sound span spanish
    speaker speech speed sprint stable staging standard star start steady step sticker stream structured style
    subject subtitles suffix super svg swap sync teleport template text texture thumbnails tiling time tint
    topology train transcribe transfer transform transition translate transparent trim tryon turbo turn twin
    ultra understand understanding uni union upscale utilities vary vector vectorize version video view vignette
    vintage virtual vision visual vocabulary voice void water watermark waveform weather workflow world youtube
    zero zoom
    """
)
"""Words of slugs that are words of the language too: alone they name no model."""

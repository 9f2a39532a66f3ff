"""What people ask for, and the words of the slugs that do it. Data only.

The registry holds no descriptions, so these tables carry the meaning: which words of a request point to which task, and
by which words or names the models for that task are known.
"""

from __future__ import annotations

from typing import NamedTuple

TRAINING = ">weights"
"""The task of training: its output is weights, whatever it takes."""
SAME = "same"
"""The task's output is of the medium of its input: whichever the request names."""


class Concept(NamedTuple):
    """One kind of request; of two that fit as well the first in the table counts more."""

    asked: str
    """Ways to ask for it, split by ``|``; a way is present when all its words are in the request."""
    task: str
    """``from>to``, ``same``, or empty when the concept says nothing of the media."""
    found: str
    """Words of fitting slugs: ``a+b`` needs both, ``a:2`` is worth 2 instead of 5, ``@c`` is
    any model of that category; the best one counts."""


CONCEPTS: tuple[Concept, ...] = (
    Concept("train|fine tune|lora training|teach model|custom style|dreambooth|finetune|train lora|my own style", TRAINING,
            "train"),
    # images
    Concept(
        "remove background|background removal|cut out|cutout|isolate subject|without background|strip background",
        SAME,
        "background+remove rembg birefnet ben feynobg green+screen:2",
    ),
    Concept(
        "change background|replace background|new background|swap background|another background|different background",
        SAME,
        "background+replace background+change background+add:4 product+photo:2 product+shot:2",
    ),
    Concept(
        "upscale|super resolution|enlarge|increase resolution|higher resolution|bigger|more resolution|sharper|upres|"
        "low resolution",
        SAME,
        "upscale esrgan aura+sr ccsr drct increase+resolution pasd:4 nova+sr:4 clarity crystal",
    ),
    Concept("to 4k|photo 4k|image 4k", SAME, "upscale:4 esrgan:3 aura+sr:3"),
    Concept("inpaint|masked area|fill area|fill mask|paint over", "image>image", "inpaint fill genfill:4 eraser:1.5"),
    Concept(
        "outpaint|expand image|extend image|uncrop|beyond border|beyond edge|wider picture|extend photo|zoom out",
        "image>image",
        "outpaint expand reframe:3",
    ),
    Concept("reframe|change aspect ratio|recrop|resize|crop|to vertical|to square|landscape to portrait|16 9 to 9 16", SAME, "reframe smart+resize outpaint:1.5"),
    Concept(
        "remove object|erase|remove person|remove watermark|remove logo|remove element|remove people|delete object|"
        "remove thing|clean up photo",
        SAME,
        "object+remove eraser remove+element clean+plate:2",
    ),
    Concept("remove text|erase text|remove caption", "image>image", "text+remove eraser:4 object+remove:3"),
    Concept(
        "restore photo|old photo|damaged|scratched|restore image|repair photo|faded photo|vintage photo restore",
        "image>image",
        "photo+restore restore codeformer:4 colorize:2",
    ),
    Concept("restore face|blurry face|enhance face|fix face", "image>image", "codeformer face+enhance portrait+enhance"),
    Concept("colorize|colourise|black white|add color|colorise", SAME, "colorize ddcolor"),
    Concept("relight|lighting|light direction|re light", SAME, "relight iclight lighting control+light"),
    Concept("cartoon|comic style|toon|anime version", "image>image", "cartoonify digital+comic:3 ghiblify:2"),
    Concept("ghibli|anime", "image>image", "ghiblify"),
    Concept("style transfer|artistic style|in style of|new style|painting style", SAME, "style+transfer style:3"),
    Concept("pixel art|8 bit", "image>image", "pixel"),
    Concept("vectorize|vectorise|vector from image|image to svg|trace to svg|picture to svg", "image>image",
            "vectorize image+svg"),
    Concept("svg|vector", "", "vectorize svg:4.5 vector:4 vecglypher:3 star+vector:4"),
    Concept("svg text|vector logo|svg logo|vector icon|svg icon|vector illustration|text to vector", "text>image",
            "text+vector vecglypher:3"),
    Concept("depth map|depth estimation|depth", "image>image", "depth midas zoe marigold"),
    Concept("pose estimation|skeleton|keypoints|body pose|openpose", SAME, "dwpose pose:2"),
    Concept("edge|canny|line art|lineart|contour", "image>image", "canny lineart:4 hed:4 teed:3 scribble:3 pidi:3"),
    Concept("controlnet|control image|structure control", "image>image", "controlnet control:3 canny:2 depth:2"),
    Concept("segment|mask object|segmentation|cut into part|select object", SAME, "segment sam sa+va evf"),
    Concept("object detect|detect|bounding box|find object|locate object|count object", "image>text",
            "detect object+detect find:2 point:3"),
    Concept(
        "describe|caption image|what is in picture|what in image|caption photo|alt text|visual question|answer image|"
        "vision model|look at image|captioning",
        "image>text",
        "caption query moondream vision understand llava florence:3 isaac:3 batched:2",
    ),
    Concept("ocr|read document|scanned|extract text|text recognition|read text image", "image>text", "ocr docres:2"),
    Concept("nsfw|moderation|safety check|unsafe image|adult content", "", "nsfw guard:3"),
    Concept("deblur|blurry|unblur|out of focus", SAME, "deblur all+focus:3"),
    Concept("headshot|professional photo|linkedin|business portrait|passport photo", "image>image",
            "headshot professional+photo"),
    Concept(
        "tryon|put on|wear|dress|outfit|clothes|garment|clothing|fitting room|shirt on",
        "image>image",
        "tryon fashn leffa+tryon fashion+tryon shirt:1",
    ),
    Concept("hair|hairstyle|haircut|beard", "image>image", "hair haircut"),
    Concept("older|younger|aging|age person|age face|age year|baby picture", "image>image", "age aging baby:2"),
    Concept("face swap|swap face|deepfake|replace face", "", "face+swap swap:4 gifswap:3 faceswapimage faceswapvideo"),
    Concept("product photo|product shot|packshot|product picture|ecommerce photo|product image", "image>image",
            "product+photo product+shot product+integrate:3 product:2"),
    Concept(
        "consistent character|same person|same character|keep face|identity|face reference|same face|likeness",
        "image>image",
        "character pulid photomaker subject face+id instant+character reference:3",
    ),
    Concept("transparent|alpha channel|layer", "", "transparent layer+diffusion layered alpha:4"),
    Concept("sticker", "", "sticker"),
    Concept("typography|lettering|text in image|poster|logo|readable text|headline", "text>image",
            "ideogram:2.5 recraft:2 qwen+image:1 gpt+image:1"),
    Concept("photorealistic|realistic photo|photoreal", "", "realism:2 realistic:2"),
    Concept("pbr|material map|seamless texture|tileable|tiling", "", "material tiling patina texture:3 seamless:3"),
    Concept("edit image|edit photo|change image|instruction|edit picture|modify image|modify photo|retouch|photoshop",
            "image>image", "edit kontext seededit instruct+edit retouch:3"),
    Concept("room|interior|apartment|staging|furniture", "image>image", "home apartment+staging staging"),
    Concept("watermark invisible", "image>image", "invisible+watermark"),
    Concept("combine image|several image|multiple reference|merge photo|compose image", "image>image",
            "multi:2 edit:3 scene+composition:2 reference>image"),
    # video
    Concept("lipsync|lips|mouth|lip sync|sync audio video|sync speech", "video>video",
            "lipsync latentsync musetalk"),
    Concept(
        "avatar|talking head|talking portrait|digital human|spokesperson|presenter|talking photo|speaking portrait|"
        "portrait audio|make photo speak|photo talk|virtual person|face speak",
        "image>video",
        "avatar omnihuman sadtalker fabric infinitalk flashtalk flashhead:4 aurora:4 echomimic digital+twin:4",
    ),
    Concept("animate|bring to life|make move|motion from picture|living photo", "image>video", "image>video animate:3.5 live+portrait:2"),
    Concept("animated|animation", "", "animate:1"),
    Concept("first last frame|start end frame|keyframe|first frame|between two image|two frame|morph", "image>video",
            "first+last+frame start+end transition:3 pikaframes:4"),
    Concept("extend video|longer video|continue video|prolong|extend clip|video extension", "video>video", "extend"),
    Concept("interpolate|interpolation|slow motion|frame rate|fps|smooth motion|in between frame", "video>video",
            "rife film interpolation"),
    Concept(
        "motion transfer|dance|motion control|copy movement|mimic|transfer movement|puppeteer|drive character|"
        "motion capture|same movement",
        "video>video",
        "motion+control motion+transfer animate+move dreamactor scail steady+dancer pose+transfer wan+motion animate:3",
    ),
    Concept("edit video|change video|modify video|edit clip|restyle video|video edit|video style|edit footage",
            "video>video", "edit+video lucy+edit modify editto video>video+edit restyle style+video edit:3"),
    Concept("swap character|replace character|replace person|swap person|change actor", "video>video",
            "animate+replace swap:4 faceswapvideo:3"),
    Concept("dub|dubbing|translate video|translate speech|other language|localize|translate voice", "video>video",
            "dubbing translate"),
    Concept("subtitles|burn caption|caption video|closed caption|add caption", "video>video",
            "subtitles subtitle auto+caption"),
    Concept("understand video|video question|summarize video|describe video|what happens video|analyse video|"
            "analyze video|video caption|search video", "video>text", "understanding+video video+router nano+video sa+va marlin:3"),
    Concept("reference image|reference video|elements|subject reference|references", "reference>video",
            "reference>video elements element:4 reference:3"),
    Concept("visual effect|special effect|vfx|squish|explode|melt", "image>video", "effect pikaffects:4"),
    Concept("camera move|camera control|camera angle|dolly|orbit shot", "", "recamera director:3 angle:3 motion:1"),
    Concept("join video|merge video|concatenate|stitch video|combine clip|combine video", "video>video", "merge+video"),
    Concept("audio video ffmpeg|mux|audio track onto video|add audio to video|put music on video", "video>video",
            "merge+audio+video"),
    Concept("trim|cut video|shorten video", "video>video", "trim"),
    Concept("extract frame|still from video|frame from video|thumbnail from video|screenshot video", "video>image",
            "extract+frame"),
    Concept("multi shot|multiple shot|storyboard|several scene", "text>video", "multishot:3 kling:1"),
    # sound
    Concept(
        "transcribe|transcript|transcribing|speech recognition|speech>text|dictation|write down what is said|"
        "voice to text|speech to text|subtitles file|srt|from recording|from interview|audio to text|minutes of meeting|recording to text|voice memo",
        "speech>text",
        "speech>text @speech-to-text wizper whisper transcribe scribe",
    ),
    Concept(
        "text>speech|voiceover|voice over|narrate|narration|narrator|read aloud|read text|speak text|spoken|"
        "audiobook|say|text aloud|speech from text|speech synthesis|synthesize speech|announcement|generate speech",
        "text>speech",
        "text>speech @text-to-speech speech:2",
    ),
    Concept("dialogue|dialog|two speaker|conversation|podcast|multi speaker|two voice|several speaker", "text>speech",
            "dialogue dialog dia vibevoice multi+speaker"),
    Concept("voice clone|clone voice|copy voice|my own voice|my voice|voice sample", "text>speech",
            "clone create+voice:4"),
    Concept("voice design|design voice|synthetic voice|new voice|invent voice", "text>speech", "voice+design"),
    Concept("voice changer|change voice|speech>speech|voice conversion|another voice|convert voice", "speech>speech",
            "voice+changer speech>speech"),
    Concept(
        "music|song|jingle|soundtrack|beat|instrumental|melody|compose tune|catchy tune|background track|lyrics|score film",
        "text>audio",
        "music lyria ace diffrhythm:4 sonauto yue:3",
    ),
    Concept("sound effect|foley|sfx|noise of|sound of|ambience|ambient sound|soundscape|sound|noise", "text>audio",
            "sound+effect sfx foley:3 mmaudio:3 stable+audio:2"),
    Concept("silent video|sound video|audio for video|soundtrack video|effect video sound|video>audio|score video",
            "video>audio", "video>audio mmaudio thinksound foley video+sound+effect video+music:3"),
    Concept("noise removal|noise reduction|reduce noise|denoise audio|denoise speech|noise speech|remove noise|background noise|clean audio|noisy recording|clean voice|"
            "enhance speech|clean up audio|hiss|hum", "audio>audio", "deepfilternet isolation sam+audio:3 separate:2"),
    Concept("separate vocal|stem|isolate vocal|remove vocal|acapella|karaoke|split song|separate instrument|"
            "source separation|separate audio", "audio>audio", "demucs separate"),
    Concept("extend song|continue song|extend music|longer song|extend audio", "audio>audio", "extend outpaint"),
    Concept("voice activity|when someone speaks|detect silence|turn detection", "", "vad turn"),
    # 3D
    Concept("text>3d|3d text|3d from text|3d description|3d prompt", "text>3d", "text>3d"),
    Concept("rig|rigging|skeleton mesh|animate character mesh", "", "rigging"),
    Concept("remesh|retopology|topology|fewer polygon|low poly", "3d>3d", "remesh topology"),
    Concept("retexture|texture mesh|texture 3d|new texture 3d", "3d>3d", "retexture texture:2"),
    Concept("3d sketch|sketch to 3d|drawing to 3d", "image>3d", "sketch+3d"),
    Concept("3d world|explorable scene|panorama world|environment 3d", "image>3d", "world"),
    Concept("gaussian splat|splat", "image>3d", "triposplat"),
    Concept("3d|mesh|glb|obj file|three dimensional|3d printing|figurine", "image>3d",
            "image>3d text>3d 3d @image-to-3d trellis triposr rodin hunyuan+3d tripo3d tripo meshy"),
    # the rest
    Concept("llm|chat|language model|chatbot|chat completion|gpt 4|claude|text generate", "text>text",
            "router any+llm chat completions"),
    Concept("embedding", "", "embeddings embed:4"),
    Concept("lottie", "", "omnilottie lottie"),
    Concept("realtime|live stream|real time|interactive", "", "realtime lcm:2 lightning:2"),
    Concept("blend|watermark free|metadata|waveform|loudness|compress audio", "", "metadata waveform loudnorm compressor blend"),
)  # fmt: skip

GRADES: tuple[tuple[str, str], ...] = (
    (
        "cheap|cheapest|budget|low cost|inexpensive|affordable|draft|drafts|quick|quickly|fast|faster|fastest|latency|"
        "preview|iterate|speed|seconds|low latency|under dollar",
        "schnell turbo fast lite mini flash lightning distilled instant rapid klein small sprint",
    ),
    (
        "best|quality|premium|cinematic|professional|finest|highest|state art|production|4k|top|detailed",
        "pro max ultra master quality hd 4k full",
    ),
)
"""What asks for a grade of a model, and the words by which slugs say that grade."""

LANGUAGES: dict[str, str] = {
    "english": "american+english:7 british+english:6", "american": "american+english:7", "british": "british+english:7",
    "french": "french:7", "spanish": "spanish:7", "italian": "italian:7", "japanese": "japanese:7", "hindi": "hindi:7",
    "chinese": "mandarin+chinese:7", "mandarin": "mandarin+chinese:7", "portuguese": "brazilian+portuguese:7",
    "brazilian": "brazilian+portuguese:7",
}  # fmt: skip
"""Languages that have a voice model of their own."""

OTHER_LANGUAGES = frozenset(
    "german dutch polish russian ukrainian turkish arabic korean swedish norwegian danish finnish greek czech hungarian "
    "romanian bulgarian vietnamese thai indonesian malay tamil telugu bengali hebrew persian catalan croatian slovak "
    "multilingual language languages foreign".split()
)
"""Languages, and words for languages, that only multilingual models speak."""

MULTILINGUAL = "multilingual:4 eleven:3 minimax+speech:3.5 gemini+text>speech:3 elevenlabs+turbo:3 elevenlabs+scribe:3"

INPUT_MARKS = frozenset({"from", "of", "my", "this", "these", "using", "given", "existing", "between", "turn", "convert"})
"""Words that say that the medium after them is what is given."""

ASIDE_MARKS = frozenset({"with", "without", "and", "plus"})
"""Words that say that the medium after them comes along with another."""

OUTPUT_MARKS = frozenset({"to", "into", "as", "onto", "make", "generate", "create", "become", "a", "an"})
"""Words that say that the medium after them is what is wanted."""

SUBJECT_MARKS = frozenset({"about", "showing", "depicting", "featuring"})
"""Words after which a request tells what is to be seen or heard; ``of`` does it too, after a medium."""

SUBJECT_ENDS = frozenset({"with", "using", "via", "by", "from", "for", "to", "into", "through", "as"})
"""Words that end the telling."""

UNITS = frozenset("s sec second seconds m min minute minutes h hour hours x mp megapixel megapixels dollar dollars usd cent".split())
"""What makes a number before it a quantity and not a version."""

BASE_FORMS: dict[str, str] = {
    "animating": "animate", "swapping": "swap", "dubbed": "dub", "transcribing": "transcribe", "singing": "song",
    "sung": "song", "enlarging": "enlarge", "expanding": "expand", "changing": "change", "replacing": "replace",
    "describing": "describe", "translating": "translate", "talks": "talking", "speaks": "speak", "speaking": "speak",
    "wearing": "wear", "colouring": "colorize", "colourize": "colorize", "tuning": "tune", "tuned": "tune",
    "removes": "remove", "removed": "remove", "reading": "read", "restoring": "restore", "stylise": "style",
    "merging": "merge", "joining": "join", "cutting": "cut", "chatting": "chat", "dancing": "dance", "lyric": "lyrics",
    "cheaper": "cheap", "colour": "color", "swapped": "swap", "vectorized": "vectorize", "sfx": "sfx",
}  # fmt: skip
"""Forms of verbs, and their base."""

OUTPUT_NOUNS: dict[str, str] = {
    "image": "image", "picture": "image", "photo": "image", "illustration": "image", "drawing": "image",
    "poster": "image", "logo": "image", "wallpaper": "image", "painting": "image", "artwork": "image",
    "portrait": "image", "draft": "image", "shot": "image", "icon": "image", "banner": "image", "thumbnail": "image", "selfie": "image", "scan": "image",
    "pic": "image", "photograph": "image", "render": "image", "mockup": "image", "still": "image", "screenshot": "image",
    "video": "video", "clip": "video", "movie": "video", "film": "video", "footage": "video", "reel": "video",
    "animation": "video", "trailer": "video", "teaser": "video", "gif": "video", "commercial": "video",
    "song": "audio", "audio": "audio", "recording": "audio", "music": "audio", "interview": "speech", "podcast": "audio",
    "speech": "speech", "voiceover": "speech", "narration": "speech", "mp3": "audio", "wav": "audio",
    "voice": "speech", "3d": "3d", "mesh": "3d", "text": "text", "prompt": "text", "script": "text", "screenplay": "text",
    "transcript": "text", "document": "image", "sketch": "image", "lora": "",
}  # fmt: skip
"""Nouns that name a medium."""

NAME_RUNS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("stable", "diffusion", "xl"): ("sdxl",),
    ("eleven", "labs"): ("elevenlabs",),
    ("real", "time"): ("realtime",),
    ("lip", "sync"): ("lipsync",),
    ("super", "resolution"): ("upscale",),
    ("black", "forest", "labs"): ("flux",),
    ("dall", "e"): ("gpt", "image"),
}
"""Runs of words of a request that fal's slugs write as one."""

STOP_WORDS = frozenset(
    "a an the and or in on at by for is are be it its this that these those my your our their me we you i us them he "
    "she of with without using use via from to into onto as some any one two three four five several please want need "
    "needs would like can could should make makes making create creates creating do does get give turn convert so such "
    "very more most less what which who how when where out up over under off fal ai model models best good new old "
    "own than then there here also just only other another s m second seconds minute minutes min sec long short under "
    "work works find someone person something thing things look looks".split()
)
"""Words of a request that say nothing about a model."""

ORDINARY_WORDS = frozenset(
    "3d ace advanced agent anything audio auto avatar baby background basic chain chat clarity control cosmos creative "
    "crystal depth detect diffusion dream edit era extend extract eye fabric face fashion fast film flash goal happy home "
    "illusion image index infinity inpaint instant invisible large layer lightning live medium mini mix motion "
    "multishot music object one photo physic playground post pro product realistic remix replace retoucher router "
    "scene seed sky smart sound stable star steady step stream subtitles swap sync text train tryon turbo "
    "upscale video void workflow world cat add age aging align all american angle animate apartment application apps art "
    "audio base batch beat bench blend blur body brazilian british camera category change changer character chinese "
    "chromatic city clean clone color colored colorize comic completions compose composition compressor correct "
    "correction crisp cross custom dancer day deblur decompression denoise dense design detailed description dev "
    "differential digital dimensions director dissolve distilled dodge burn edge effect element end english enhance "
    "enterprise eraser estimator expand expression eyed fill find finder first flow focus force frame french full fun "
    "gallery general generate grain green grounding group guard hair haircut half headshot hindi holding horse ice "
    "imagine impulse increase infographic ingredient instruct instruction integrate interleave interpolation inversion "
    "isolation italian japanese keypoints last layered light lighting line lite long machine makeup map mask "
    "masked master material max merge metadata modify moon more move multi multilingual multiple net next night objects "
    "open ocr outpaint paintbrush part pen perspective phrase pick pixel plate plus plushie point portrait "
    "portuguese pose precision predict prefix preview processing professional profile progression prompt proposal quality "
    "query rapid ray react real realism realtime reference referring reframe region relight remove render replace resize "
    "resolution response restore retake retexture retouch reverse rewrite rigging satellite scale screen sketch small "
    "scribble seamless segment separate sepia sharpen shave shirt shot simulation single size solarize spanish "
    "spanish speaker speech speed sprint staging standard start sticker structured style subject suffix super "
    "teleport template texture thumbnails time tint topology transcribe transfer transform transition translate "
    "transparent trim turn twin ultra understand understanding uni union utilities vary vector vectorize version view "
    "vintage virtual vision visual vocabulary voice water waveform weather world zoom youtube food cartoonify rave "
    "maya film goal subtitles dubbing advanced beat product ideal pony hyper luma studio lora lipsync watermark drop "
    "perception google microsoft openai nvidia meta alibaba general canny controlnet horse fun hd nsfw svg "
    "fashion custom calligrapher embed embeddings dialogue dialog clip thing".split()
) - {"luma", "maya"}
"""Words of slugs that are words of the language too: alone they name no model."""

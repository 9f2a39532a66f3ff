"""What people ask for, and the words of the slugs that do it. Data only.

The registry holds no descriptions, so this table carries the meaning. Each entry is

    ways to ask for it, split by ``|``; a way is present when all its words are in the request
        task: words of fitting slugs

The task is ``from>to``; ``same`` when the output is of the medium of the input, whichever the request names;
``>weights`` for training; ``-`` when the entry says nothing of the media. Of the slug's words ``a+b`` needs both,
``a:2`` is worth 2 instead of 5, ``@c`` is any model of the category c; the best one counts. Of two entries that fit as
well, the first counts more.
"""

CONCEPTS = """
train | fine tune | lora training | teach model | custom style | dreambooth | finetune | train lora | my own style
    >weights: train
remove background | background removal | cut out | cutout | isolate subject | without background | strip background
    same: background+remove rembg birefnet ben feynobg green+screen:2
change background | replace background | new background | swap background | another background |
different background
    same: background+replace background+change background+add:4 product+photo:2 product+shot:2
upscale | super resolution | enlarge | increase resolution | higher resolution | bigger | more resolution | sharper
| upres | low resolution
    same: upscale esrgan aura+sr ccsr drct increase+resolution pasd:4 nova+sr:4 clarity crystal
to 4k | photo 4k | image 4k
    same: upscale:4 esrgan:3 aura+sr:3
inpaint | masked area | fill area | fill mask | paint over
    image>image: inpaint fill genfill:4 eraser:1.5
outpaint | expand image | extend image | uncrop | beyond border | beyond edge | wider picture | extend photo |
zoom out
    image>image: outpaint expand reframe:3
reframe | change aspect ratio | recrop | resize | crop | to vertical | to square | landscape to portrait |
16 9 to 9 16
    same: reframe smart+resize outpaint:1.5
remove object | erase | remove person | remove watermark | remove logo | remove element | remove people |
delete object | remove thing | clean up photo
    same: object+remove eraser remove+element clean+plate:2
remove text | erase text | remove caption
    image>image: text+remove eraser:4 object+remove:3
restore photo | old photo | damaged | scratched | restore image | repair photo | faded photo | vintage photo restore
    image>image: photo+restore restore codeformer:4 colorize:2
restore face | blurry face | enhance face | fix face
    image>image: codeformer face+enhance portrait+enhance
colorize | colourise | black white | add color | colorise
    same: colorize ddcolor
relight | lighting | light direction | re light
    same: relight iclight lighting control+light
cartoon | comic style | toon | anime version
    image>image: cartoonify digital+comic:3 ghiblify:2
ghibli | anime
    image>image: ghiblify
style transfer | artistic style | in style of | new style | painting style
    same: style+transfer style:3
pixel art | 8 bit
    image>image: pixel
vectorize | vectorise | raster | bitmap | vector from image | image to svg | trace to svg | picture to svg
    image>image: vectorize image+svg
svg | vector
    -: vectorize svg:4.5 vector:4 vecglypher:3 star+vector:4
svg text | vector logo | svg logo | vector icon | svg icon | vector illustration | text to vector
    text>image: text+vector vecglypher:3
depth map | depth estimation | depth
    image>image: depth midas zoe marigold
pose estimation | skeleton | keypoints | body pose | openpose
    same: dwpose pose:2
edge | canny | line art | lineart | contour
    image>image: canny lineart:4 hed:4 teed:3 scribble:3 pidi:3
controlnet | control image | structure control
    image>image: controlnet control:3 canny:2 depth:2
segment | mask object | segmentation | cut into part | select object
    same: segment sam sa+va evf
object detect | detect | bounding box | find object | locate object | count object
    image>text: detect object+detect find:2 point:3
describe | caption image | what is in picture | what in image | caption photo | alt text | visual question |
answer image | vision model | look at image | captioning
    image>text: caption query moondream vision understand llava florence:3 isaac:3 batched:2
ocr | read document | scanned | extract text | text recognition | read text image
    image>text: ocr docres:2
nsfw | moderation | safety check | unsafe image | adult content
    -: nsfw guard:3
deblur | blurry | unblur | out of focus
    same: deblur all+focus:3
denoise | grainy | noisy photo | noise photo | remove grain
    same: denoise
headshot | professional photo | linkedin | business portrait | passport photo
    image>image: headshot professional+photo
tryon | put on | wear | dress | outfit | clothes | garment | clothing | fitting room | shirt on
    image>image: tryon fashn leffa+tryon fashion+tryon shirt:1
hair | hairstyle | haircut | beard
    image>image: hair haircut
older | younger | aging | age person | age face | age year | baby picture
    image>image: age aging baby:2
face swap | swap face | deepfake | replace face
    -: face+swap swap:4 gifswap:3 faceswapimage faceswapvideo
product photo | product shot | packshot | product picture | ecommerce photo | product image
    image>image: product+photo product+shot product+integrate:3 product:2
consistent character | same person | same character | keep face | identity | face reference | same face | likeness
    image>image: character pulid photomaker subject face+id instant+character reference:3
transparent | alpha channel | layer
    -: transparent layer+diffusion layered alpha:4
sticker
    -: sticker
typography | lettering | text in image | poster | logo | readable text | headline
    text>image: ideogram:2.5 recraft:2 qwen+image:1 gpt+image:1
photorealistic | realistic photo | photoreal
    -: realism:2 realistic:2
pbr | material map | seamless texture | tileable | tiling
    -: material tiling patina texture:3 seamless:3
edit image | edit photo | change image | instruction | edit picture | modify image | modify photo | retouch |
photoshop
    image>image: edit kontext seededit instruct+edit retouch:3
room | interior | apartment | staging | furniture
    image>image: home apartment+staging staging
watermark invisible
    image>image: invisible+watermark
combine image | several image | multiple reference | merge photo | compose image
    image>image: multi:2 edit:3 scene+composition:2 reference>image
lipsync | lips | mouth | lip sync | sync audio video | sync speech
    video>video: lipsync latentsync musetalk
avatar | talking head | talking portrait | digital human | spokesperson | presenter | talking photo |
speaking portrait | portrait audio | make photo speak | photo talk | virtual person | face speak
    image>video: avatar omnihuman sadtalker fabric infinitalk flashtalk flashhead:4 aurora:4 echomimic
    digital+twin:4
animate | bring to life | make move | motion from picture | living photo
    image>video: image>video animate:3.5 live+portrait:2
animated | animation
    -: animate:1
first last frame | start end frame | keyframe | first frame | between two image | two frame | morph
    image>video: first+last+frame start+end transition:3 pikaframes:4
extend video | longer video | continue video | prolong | extend clip | video extension
    video>video: extend
interpolate | interpolation | slow motion | frame rate | fps | smooth motion | in between frame
    video>video: rife film interpolation
motion transfer | copy motion | motion onto | dance | motion control | copy movement | mimic | transfer movement |
puppeteer | drive character | motion capture | same movement
    video>video: motion+control motion+transfer animate+move dreamactor scail steady+dancer pose+transfer wan+motion
    animate:3
edit video | change video | modify video | edit clip | restyle video | video edit | video style | edit footage
    video>video: edit+video lucy+edit modify editto video>video+edit style+video edit:3
swap character | replace character | replace person | swap person | change actor
    video>video: animate+replace swap:4 faceswapvideo:3
dub | dubbing | translate video | translate speech | other language | localize | translate voice
    video>video: dubbing translate
subtitles | burn caption | caption video | closed caption | add caption
    video>video: subtitles auto+caption
understand video | video question | summarize video | describe video | what happens video | analyse video |
analyze video | video caption | search video
    video>text: understanding+video video+router nano+video sa+va marlin:3
reference image | reference video | elements | subject reference | references
    reference>video: reference>video element:4 reference:3
visual effect | special effect | vfx | squish | explode | melt
    image>video: effect pikaffects:4
camera move | camera control | camera angle | dolly | orbit shot
    -: recamera director:3 angle:3 motion:1
join video | merge video | concatenate | stitch video | combine clip | combine video
    video>video: merge+video
audio video ffmpeg | mux | audio track onto video | add audio to video | put music on video
    video>video: merge+audio+video
trim | cut video | shorten video
    video>video: trim
extract frame | still from video | frame from video | thumbnail from video | screenshot video
    video>image: extract+frame
multi shot | multiple shot | storyboard | several scene
    text>video: multishot:3 kling:1
transcribe | transcript | transcribing | speech recognition | speech>text | dictation | write down what is said |
voice to text | speech to text | subtitles file | srt | subtitles from | audio to text | minutes of meeting |
recording to text | voice memo
    speech>text: speech>text @speech-to-text wizper whisper transcribe scribe
text>speech | voiceover | voice over | narrate | narration | narrator | read aloud | read text | speak text | spoken
| audiobook | say | text aloud | speech from text | speech synthesis | synthesize speech | announcement |
generate speech
    text>speech: text>speech @text-to-speech speech:2
dialogue | dialog | two speaker | conversation | podcast | multi speaker | two voice | several speaker
    text>speech: dialogue dialog dia vibevoice multi+speaker
voice clone | clone voice | copy voice | my own voice | my voice | voice sample
    text>speech: clone create+voice:4
voice design | design voice | synthetic voice | new voice | invent voice
    text>speech: voice+design
voice changer | change voice | speech>speech | voice conversion | another voice | convert voice
    speech>speech: voice+changer speech>speech
music | song | jingle | soundtrack | beat | instrumental | melody | compose tune | catchy tune | background track |
lyrics | score film
    text>audio: music lyria ace diffrhythm:4 sonauto yue:3
sound effect | foley | sfx | noise of | sound of | ambience | ambient sound | soundscape | sound | noise
    text>audio: sound+effect foley:3 mmaudio:3 stable+audio:2
silent video | sound video | audio for video | soundtrack video | effect video sound | video>audio | score video
    video>audio: video>audio mmaudio thinksound foley video+sound+effect video+music:3
noise removal | noise reduction | reduce noise | denoise audio | denoise speech | noise speech | remove noise |
background noise | clean audio | noisy recording | clean voice | enhance speech | clean up audio | hiss | hum
    audio>audio: deepfilternet isolation sam+audio:3 separate:2
separate vocal | stem | isolate vocal | remove vocal | acapella | karaoke | split song | separate instrument |
source separation | separate audio
    audio>audio: demucs separate
extend song | continue song | extend music | longer song | extend audio
    audio>audio: extend outpaint
voice activity | when someone speaks | detect silence | turn detection
    -: vad turn
text>3d | 3d text | 3d from text | 3d description | 3d prompt
    text>3d: text>3d
rig | rigging | skeleton mesh | animate character mesh
    -: rigging
remesh | retopology | topology | fewer polygon | low poly
    3d>3d: remesh topology
retexture | texture mesh | texture 3d | new texture 3d
    3d>3d: retexture texture:2
3d sketch | sketch to 3d | drawing to 3d
    image>3d: sketch+3d
3d world | explorable scene | panorama world | environment 3d
    image>3d: world
gaussian splat | splat
    image>3d: triposplat
3d | mesh | glb | obj file | three dimensional | 3d printing | figurine
    image>3d: image>3d text>3d 3d @image-to-3d trellis triposr rodin hunyuan+3d tripo meshy
llm | chat | language model | chatbot | chat completion | gpt 4 | claude | text generate
    text>text: router any+llm chat completions
embedding
    -: embeddings embed:4
lottie
    -: omnilottie lottie
realtime | live stream | real time | interactive
    -: realtime lcm:2 lightning:2
blend | watermark free | metadata | waveform | loudness | compress audio
    -: metadata waveform loudnorm compressor blend
"""

GRADES = """
cheap | cheapest | budget | low cost | inexpensive | affordable | draft | drafts | quick | quickly | fast | faster |
fastest | latency | preview | iterate | speed | seconds | low latency | under dollar
    -: schnell:1.5 turbo:1.5 fast:1.5 lite:1.5 mini:1.5 flash:1.5 lightning:1.5 distilled:1.5 instant:1.5 rapid:1.5
    klein:1.5 small:1.5 sprint:1.5
best | quality | premium | cinematic | professional | finest | highest | state art | production | 4k | top |
detailed
    -: pro:1.5 max:1.5 ultra:1.5 master:1.5 quality:1.5 hd:1.5 4k:1.5 full:1.5
"""
"""What asks for a grade of a model, and the words by which slugs say that grade; in the form of the table above."""

LANGUAGES = """
english
    -: american+english:7 british+english:6
american
    -: american+english:7
british
    -: british+english:7
french
    -: french:7
spanish
    -: spanish:7
italian
    -: italian:7
japanese
    -: japanese:7
hindi
    -: hindi:7
chinese
    -: mandarin+chinese:7
mandarin
    -: mandarin+chinese:7
portuguese
    -: brazilian+portuguese:7
brazilian
    -: brazilian+portuguese:7
"""
"""Languages that have a voice model of their own."""

OTHER_LANGUAGES = """
arabic bengali bulgarian catalan croatian czech danish dutch finnish foreign german greek hebrew hungarian
indonesian korean language languages malay multilingual norwegian persian polish romanian russian slovak swedish
tamil telugu thai turkish ukrainian vietnamese
"""
"""Languages, and words for languages, that only multilingual models speak."""

MULTILINGUAL = "multilingual:4 eleven:3 minimax+speech:3.5 gemini+text>speech:3 elevenlabs+turbo:3 elevenlabs+scribe:3"
"""The slugs of such models, in the form of the table above."""

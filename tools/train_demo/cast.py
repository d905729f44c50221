# SPDX-License-Identifier: Apache-2.0
"""Characters and homes: what the plots have in common."""

from words import ANIMALS, BOYS, FOLK, FOLK_HE, FOLK_SHE, GIRLS, HE_ANIMAL_NAMES, SHE_ANIMAL_NAMES, WISE, invented_name

PRONOUNS = {"f": ("she", "her", "her", "herself"), "m": ("he", "him", "his", "himself")}


def bind_character(s, key, name, kind, sex, human):
    """Binds {key}, {key.the}, {key.kind}, {key.a}, {key.he}, {key.him}, {key.his}, {key.self}."""
    he, him, his, self_ = PRONOUNS[sex]
    c = s.ctx
    c[key] = name or "the " + kind
    c[key + ".kind"] = kind
    c[key + ".the"] = "the " + kind
    c[key + ".he"], c[key + ".him"], c[key + ".his"], c[key + ".self"] = he, him, his, self_
    c[key + ".child"] = {"f": "girl", "m": "boy"}[sex] if human else kind
    c[key + ".son"] = {"f": "daughter", "m": "son"}[sex]
    s.meta.setdefault("cast", {})[key] = (name, kind, sex, human)


def child(s, key, name=None, sex=None):
    sex = sex or s.rng.choice("fm")
    name = name or new_name(s, GIRLS if sex == "f" else BOYS)
    bind_character(s, key, name, "girl" if sex == "f" else "boy", sex, True)
    s.bind(**{key + ".a": "a [little|small|young|{#trait}|{#trait} [little|young|]] " + s.ctx[key + ".kind"]})


def animal(s, key, kind=None, name=None, sex=None):
    sex = sex or s.rng.choice("fm")
    name = name or new_name(s, SHE_ANIMAL_NAMES if sex == "f" else HE_ANIMAL_NAMES)
    kind = kind or fresh(s, ANIMALS)
    bind_character(s, key, name, kind, sex, False)
    s.bind(**{key + ".a": "a [little|small|young|{#trait}|{#trait} little] " + kind})


def folk(s, key, kind=None, name=None):
    """A grown-up, or somebody out of a fairy tale, known by the trade."""
    kind = kind or fresh(s, FOLK)
    sex = "f" if kind in FOLK_SHE else "m" if kind in FOLK_HE else s.rng.choice("fm")
    name = name or new_name(s, GIRLS if sex == "f" else BOYS)
    bind_character(s, key, name, kind, sex, True)
    s.ctx[key + ".child"] = kind
    s.bind(**{key + ".a": "a [young|young|{#trait}|{#trait} young|poor|old] " + kind})


def new_name(s, names):
    return invented_name(s.rng) if s.rng.random() < 0.12 else fresh(s, names)


def wise(s, key):
    """An old animal without a name, who knows things."""
    kind = fresh(s, WISE)
    bind_character(s, key, None, kind, s.rng.choice("fm"), False)
    s.bind(**{key + ".a": "a [old|wise old|very old|big old|gray old|friendly old] " + kind})


def fresh(s, words):
    """A word of the list that this story has not used for a character."""
    used = s.meta.setdefault("used", set())
    while True:
        word = s.rng.choice(words)
        if word not in used:
            used.add(word)
            return word


HUMAN_HOME = (
    "in a [small|quiet|pretty|sunny|little|busy] [village|town] [by the sea|near the mountains|beside a river|at the edge of the "
    "forest|between two hills|called {#village}|called {#village}]",
    "in a [little|tiny|cozy|crooked|white|red|stone|wooden] [house|cottage] [at the edge of the woods|near a lake|on a hill|by the "
    "river|at the end of a long road|with a {#color} door|with a garden full of {#flowers}|next to a mill]",
    "on a [small|big|busy|quiet] farm [with {#count} cows and a horse|near the woods|at the foot of the mountains|where many animals "
    "lived|with fields of yellow corn|far from the town]",
    "in a [tall|narrow|gray] house in [the middle of the city|a big city|a noisy street|a city full of bells]",
    "in [the village of {#village}|the little town of {#village}]",
)
ANIMAL_HOME = (
    "in a [warm|cozy|tidy|small] [burrow|den|hole] [under an old {#tree}|at the edge of the forest|on the side of a hill|near the river]",
    "in a [hollow|fallen] [log|tree] [by the stream|in the middle of the woods|near a meadow full of {#flowers}]",
    "in a [big|deep|green|dark|quiet] [forest|wood] [far away|near the mountains|where the trees were as tall as towers|with many other animals]",
    "on a [small|busy|happy] farm [near the hills|with a red barn|with a big pond|at the end of the road]",
    "in a [sunny|green|wide] [meadow|valley] [full of {#flowers}|beside a blue lake|where the grass was tall and soft]",
)


def home(s):
    human = s.meta["cast"]["h"][3]
    s.bind(home=s.rng.choice(HUMAN_HOME if human else ANIMAL_HOME))
    s.bind(house="[house|home]" if human else "[home|den]" if s.rng.random() < 0.5 else "home")
    mother = s.rng.random()
    sex = "f" if mother < 0.75 else "m"
    bind_character(s, "m", None, "mother", sex, human)
    if human:
        word = s.rng.choice(
            ["mother", "mom", "grandmother", "aunt"] if sex == "f" else ["father", "dad", "grandfather", "uncle"]
        )
    else:
        word = s.rng.choice(["mother", "mother", "grandmother"] if sex == "f" else ["father", "grandfather"])
    s.ctx["mw"] = word
    s.ctx["m"] = s.ctx["h.his"] + " " + word
    s.ctx["papa"] = {
        "mother": "Mother",
        "mom": "Mom",
        "grandmother": "Grandma",
        "aunt": "Auntie",
        "father": "Father",
        "dad": "Dad",
        "grandfather": "Grandpa",
        "uncle": "Uncle",
    }[word]


def hero(s, want=None):
    """Chooses the hero; `want` may fix name, sex, kind or sort (child, animal, folk)."""
    want = want or {}
    r = s.rng.random()
    sort = want.get("sort") or ("child" if r < 0.46 else "animal" if r < 0.84 else "folk")
    if sort == "child":
        child(s, "h", want.get("name"), want.get("sex"))
    elif sort == "animal":
        animal(s, "h", want.get("kind"), want.get("name"), want.get("sex"))
    else:
        folk(s, "h", want.get("kind"), want.get("name"))
    home(s)


def friend(s, key="f"):
    """A friend: mostly of the hero's sort."""
    human = s.meta["cast"]["h"][3]
    if human and s.rng.random() < 0.75:
        child(s, key)
    else:
        animal(s, key)


def meet_friend(s):
    """Says who f is."""
    s.one(
        "{h}'s best friend was {f}, {f.a}.",
        "{h} had a good friend, {f.a} named {f}.",
        "{h} and {f} were the best of friends.",
        "{h.his} best friend was called {f}, and they {#together}.",
        "{h} had a friend named {f}.",
        "Next door lived {h.his} friend {f}, {f.a}.",
    )


LIKES = (
    "[{h}|{h.he}] [loved|liked] to {#act}",
    "[{h}|{h.he}] [loved|liked] nothing more than to {#act}",
    "[every day|every morning|every afternoon|on sunny days], {h} liked to {#act}",
    "more than anything, {h} loved to {#act}",
    "[{h}|{h.he}] was [always|very] {#trait} and [{#trait}|loved to {#act}|liked to {#act}]",
    "everyone [in the village|around|who met {h.him}] liked {h}, because {h.he} was so {#trait}",
)


def opening(s):
    """Introduces the hero and home. About half the stories begin in the classic way."""
    r = s.rng.random()
    if r < 0.50:
        s.one(
            "Once upon a time, there was {h.a} named {h}.",
            "Once upon a time, there was {h.a} named {h}. {h} lived with {m} {home}.",
            "Once upon a time, there was {h.a} called {h}, who lived {home}.",
            "Once upon a time, {home}, there lived {h.a} named {h}.",
            "Once upon a time, {h.a} named {h} lived {home}.",
            "Once upon a time, {h.a} named {h} lived with {m} {home}.",
            "Once upon a time, {home}, there was {h.a}. [{h.his} name was {h}.|The name of the {h.child} was {h}.]",
            "Once upon a time there was {h.a} whose name was {h}. {h.he} lived {home}.",
        )
    elif r < 0.58:
        s.one(
            "A [{#trait}|young] {h.kind} named {h} lived {home}.",
            "The {h.kind} was called {h}, and {h.he} lived {home}.",
            "The {#trait} {h.kind} was named {h}. {h.he} lived {home}.",
            "In a land far away, there lived {h.a} named {h}.",
            "In the [forest|mountains|valley|old town|city], there was {h.a} named {h}.",
            "Here is a story about {h.a} named {h}, who lived {home}.",
            "There was {h.a} named {h} who lived {home}.",
            "On a {#small} [hill|island|farm], there lived {h.a} called {h}.",
            "Not so long ago, {h.a} named {h} lived {home}.",
            *(
                ()
                if s.ctx["h.kind"] in ("girl", "boy")
                else ("The {h.kind} {h} lived {home}.", "{h} the {h.kind} lived with {m} {home}.")
            ),
        )
    elif r < 0.68:
        s.one(
            "Long ago, {h.a} named {h} lived {home}.",
            "Long, long ago, there lived {h.a} called {h}. {h.he} had a home {home}.",
            "Many years ago, there was {h.a} named {h}, and {h.he} lived {home}.",
            "There once was {h.a} named {h}, who lived {home}.",
            "There was once {h.a} called {h}. {h.he} lived with {m} {home}.",
            "Far away, {home}, there lived {h.a} named {h}.",
        )
    elif r < 0.86:
        s.one(
            "{h} was {h.a} who lived {home}.",
            "{h} was {h.a}. {h.he} lived with {m} {home}.",
            "{h} lived {home}. {h.he} was {h.a}.",
            "This is the story of {h}, {h.a} who lived {home}.",
            "In {#season}, [when the days were {#dayadj}|when {#weather}], {h.a} named {h} lived {home}.",
            "Do you know the story of {h}? {h} was {h.a}, and {h.he} lived {home}.",
            "{home}, there lived {h.a} named {h}.",
            "Everyone [in the valley|nearby] knew {h}, {h.a} who lived {home}.",
        )
    else:
        s.one(
            "{#day}, {h.a} named {h} was [sitting in front of {h.his} {house}|walking home|looking out at the rain|eating breakfast "
            "with {m}|playing {#spot}].",
            "It was a [cold|warm|windy|sunny|rainy|quiet] day in {#season}. {h}, {h.a}, was {#doing}.",
            '"Good morning, {papa}!" said {h}. {h} was {h.a}, and this was going to be a very special day.',
            "{h} woke up early. {h.he} was {h.a}, and {h.he} lived {home}.",
        )
    r = s.rng.random()
    if r < 0.6:
        s.one(*[x + "." for x in LIKES])
    s.maybe(
        0.12,
        "[But most of all, {h.he} loved {m}.|{h.he} had [a warm bed|many books|a small blue blanket] and {m} to tell {h.him} "
        "stories.|{h} was never bored.]",
    )


def weather(s, chance=0.4):
    s.maybe(chance, "{#weather}.", "[That day|That morning|Outside], {#weather}.")


SIDE = (
    'On the way, {h} saw a {#color} {#insect}. "Hello, little {#insect}," said {h}, but it [flew away|did not answer|went on its way].',
    "{h} picked a few {#fruits} and ate them. They were [sweet|very sweet|sour but good].",
    "A {#bird} sang [in a {#tree}|above|on a branch], and {h} [sang too|listened for a while|felt a little better].",
    "{h} jumped over a [puddle|small stream|fallen branch] and [laughed|went on|almost slipped].",
    "The path was [long|narrow|full of stones|soft with leaves], but {h} [did not mind|kept walking|did not stop].",
    "{h} stopped to drink some [cold|clear|fresh] water from a stream.",
    "The wind [blew|sang|whispered] in the trees, and the leaves [turned in the air|danced|fell like rain].",
    "{h} sang a little song to keep {h.his} spirits up.",
    "A [gray|fat|tiny] {#bird} looked at {h.him} [with bright eyes|from a fence] and flew off.",
)


def side(s, chance=0.35):
    """A small thing that happens on the way and changes nothing."""
    if s.rng.random() < chance:
        s.one(*SIDE)


def ending(s, *lessons, together=None):
    """Closes the story; `lessons` are the plot's own last words."""
    r = s.rng.random()
    if lessons and r < 0.62:
        s.one(*lessons)
    r = s.rng.random()
    if r < 0.22:
        s.one(
            "From that day on, [they were the best of friends|{h} and {f} were always together|they played together every day]."
            if together
            else "And from that day on, {h} was [much happier|a little wiser|never quite the same]."
        )
    elif r < 0.42:
        s.one(
            "And they all lived happily ever after.",
            "And they lived happily ever after.",
            "The end.",
            "And that is the end of the story.",
        )
    elif r < 0.6:
        s.one(
            "That night, {h} fell asleep with a smile on {h.his} face.",
            "When the moon came up, {h} was already [asleep|fast asleep|dreaming], warm and happy in {h.his} bed.",
            "That evening, {h} told {m} everything, and they laughed together until it was time for bed.",
            "{h} went to bed that night feeling [warm inside|happy and proud|very lucky].",
            "And when the stars came out, {h} looked up at them and smiled.",
        )
    elif r < 0.72:
        s.one(
            "It was [the best day of {h.his} life|a day {h} would never forget|the happiest day of the whole year].",
            "{h} never forgot that day.",
            "And {h} smiled.",
        )

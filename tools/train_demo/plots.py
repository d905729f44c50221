# SPDX-License-Identifier: Apache-2.0
"""Plot skeletons. Each takes a Story whose hero (h), home and elder (m) are bound, and tells one story to its end.

A skeleton keeps its people, things and causes through the whole story: what is lost is what is found, who is wronged
is who forgives. `s.meta["about"]` says what the story is about, for the chat samples.
"""

from cast import animal, bind_character, child, ending, fresh, friend, meet_friend, opening, side, wise
from engine import tidy


def lost_thing(s):
    s.bind(thing="{#color} [{#toy}|{#treasure}]", giver="[{m}|{h.his} best friend|an old sailor|a kind neighbor]")
    s.meta["about"] = "a lost " + s.ctx["thing"]
    s.meta["does"] = "loses a " + s.ctx["thing"]
    opening(s)
    s.one(
        "{h} had a {thing} that {giver} had given {h.him}, and {h.he} took it everywhere.",
        "{h}'s favorite thing in the world was a {thing}. It was a present from {giver}.",
        "{h} owned only one treasure, a {thing}. {h.he} [never went anywhere without it|slept with it every night|kept it in {h.his} pocket].",
    )
    s.p()
    s.one(
        "{#day}, {h} reached for the {thing}, but it was gone!",
        "But {#day}, the {thing} was gone!",
        "{#day}, {h} came home and saw that the {thing} was missing.",
        "Then, {#day}, {h} could not find the {thing} anywhere.",
    )
    s.one(
        '"Oh no!" {h.he} cried. "Where is my {thing}?"',
        '{h} felt {#sad}. "I must find it," {h.he} said.',
        '"Who has taken my {thing}?" {h.he} [asked|wondered].',
        "{h} wanted to cry, but {h.he} [took a deep breath|dried {h.his} eyes] and began to look.",
    )
    s(
        "{h.he} looked {#homespot}, [and {h.he} looked|but it was not there. {h.he} looked] {#homespot}[, but it was not there|, but there was nothing|]."
    )
    s.maybe(
        0.5,
        '"Have you seen my {thing}?" {h} asked {m}. "No, [my dear|dear|sweetheart]," said {m}. "[When did you last have it?|Where did you play with it yesterday?|Try to remember where you were.]"',
    )
    s.p()
    if s.rng.random() < 0.5:
        wise(s, "w")
    else:
        animal(s, "w")
        s.ctx["w"] = s.ctx["w.the"]
    s.bind(place="{#spot}")
    s.one(
        "So {h} went outside and looked {#spot}. [There {h.he} met|On the way {h.he} met] {w.a}.",
        "{h} walked all the way back along the path. {place}, {h.he} met {w.a}.",
        "{h} went out to search. {#time}, {h.he} saw {w.a} sitting {#spot}.",
    )
    s.one(
        '"Why do you look so sad?" asked {w}. "I have lost my {thing}," said {h}.',
        '"Please, have you seen a {thing}?" asked {h}. {w.the} thought for a moment.',
        '"What are you looking for?" {w} asked. "My {thing}," said {h}. "I have looked everywhere."',
    )
    side(s, 0.2)
    if s.rng.random() < 0.5:
        s.one(
            '"I saw something {#shine} {place}," said {w}. "Come, I will show you."',
            '"Follow me," said {w}. "I think I know where it is."',
            '"[I hear many things|I see many things] from up here," said {w}. "Look {place}."',
        )
        s.one(
            "They went together, and there {place} was the {thing}!",
            "They looked {place}, and there it was!",
            "And there, {place}, [lay|was] the {thing}, [a little dirty but not broken|just as {h} had left it|wet with dew].",
        )
        s.one(
            '"Thank you, thank you!" said {h}[, and {h.he} hugged {w}|]. "You are a true friend."',
            '{h} [jumped for joy|laughed out loud|held it close]. "How can I ever thank you?" {h.he} asked. "[Just be more careful|Come and visit me sometimes|A smile is enough]," said {w}.',
        )
        s.bind(f="{w}")
    else:
        s.one(
            '"Oh," said {w} [softly|and looked down]. "I found it {place}, and I thought it belonged to nobody."',
            'Then {w} [turned red|looked at the ground]. "I took it," {w.he} said. "I never had anything so beautiful. I am sorry."',
        )
        s.one(
            "{h} was angry at first, but then {h.he} saw how sorry {w} was.",
            "{h} did not know what to say. {w} [looked so lonely|had tears in {w.his} eyes].",
        )
        s.one(
            '"[Let us share it|You may play with it too]," said {h}. "You can have it [on Sundays|every second day|when the sun shines]."',
            '"Thank you for telling me the truth," said {h}. "We can [share it|play with it together]."',
        )
        s.one(
            "{w} gave it back and [smiled|wiped {w.his} eyes], and the two of them [became friends|played until evening|walked home together]."
        )
        s.bind(f="{w}")
    s.p()
    s.one(
        "{h} carried the {thing} home and showed it to {m}.",
        "{h} ran home as fast as {h.he} could to tell {m} the good news.",
        "When {h} came home, {m} had made {#food}.",
    )
    ending(
        s,
        "From then on, {h} always [put it back in its place|took good care of the {thing}|knew where it was].",
        "{h} learned that [it is good to ask for help|friends can be found where you least expect them].",
        "{h} had found the {thing}, and {h.he} had found a new friend too.",
    )


def lost_way(s):
    s.meta["about"] = "getting lost"
    s.meta["does"] = "gets lost"
    opening(s)
    s.bind(
        place="{#wildplace}",
        lure="[a {#color} butterfly|a white bird|a trail of {#flowers}|the sound of music|a funny beetle|a bright light]",
    )
    s.p()
    s.one(
        '{#day}, {m} said, "Do not go too far into the {place}." {h} [promised|nodded], but [then {h.he} saw|soon {h.he} noticed] {lure}.',
        "{#day}, {h} went into the {place} to look for {#fruits}. There {h.he} noticed {lure}.",
        "{#day}, {h} was playing near the {place} when {h.he} noticed {lure}.",
    )
    s.one(
        "{h} followed it, [farther and farther|over hills and stones|step by step], until {h.he} did not know where {h.he} was.",
        "It was so beautiful that {h} followed it for a long time. When {h.he} looked around, nothing looked the same.",
        "{h} ran after it and forgot everything else. At last it was gone, and {h} was all alone.",
    )
    s.one(
        '"Which way is home?" {h} [whispered|asked], but nobody answered.',
        "It [grew|was getting] dark, and the trees [looked like giants|made long shadows].",
        "{h} called for {m}, but there was only the wind.",
    )
    s.one(
        "{h.he} sat down [under a {#tree}|on a stone|on a fallen log] and [began to cry|cried a little|tried not to cry].",
        "{h.his} legs were tired, and {h.his} heart was beating fast.",
    )
    s.p()
    if s.rng.random() < 0.5:
        wise(s, "w")
    else:
        animal(s, "w")
        s.ctx["w.a"] += " named " + s.ctx["w"]
    s.one(
        '{#time}, {h.he} heard a voice. "Who is crying there?" It was {w.a}.',
        'Then something moved in the leaves. {w.a} [came out|looked at {h.him}]. "Are you lost?" {w.he} asked.',
        'Just then, {w.a} came by. "Little one, why are you out here all alone?" {w.he} asked.',
    )
    s.one(
        '"I want to go home," said {h}, "but I do not know the way."',
        "{h} told {w} [everything|the whole story].",
        '"Yes," said {h} in a small voice. "I followed {lure}, and now I am lost."',
    )
    s.one(
        '"Do not be afraid," said {w}. "[Tell me, what is near your home?|What can you see from your window?]" "[A tall tower|An old windmill|A big red barn|A pond with a white bridge]," said {h}. "Then I know [the way|where it is]!"',
        '"[The river|The bright star up there|The old road] will show us the way," said {w}. "Come, we will find your home together."',
        '"I know every path in the {place}," said {w}. "Hold on to me."',
    )
    side(s, 0.3)
    s.one(
        "They walked [side by side|hand in hand|through the dark] until they saw a [small|yellow|warm] light.",
        "They went over a bridge and around a hill, and [at last|finally] {h} could see {h.his} home.",
        "{w} went ahead, and {h} followed close behind. [At last|After a long walk], they came to a path that {h} knew well.",
    )
    s.p()
    s.one(
        '{m} was standing [at the door|on the path] with a lantern. "{h}! I was so worried!"',
        '"There you are!" cried {m}, and ran to {h} and hugged {h.him} [tight|for a long time].',
        "{m} had been looking everywhere. When {m.he} saw {h}, {m.he} [cried for joy|laughed and cried at the same time].",
    )
    s.one(
        '"I am sorry," said {h}. "I will never go so far away again."',
        "{m} thanked {w} and gave {w.him} [some {#food}|a place by the fire|a big basket of {#fruits}].",
    )
    s.bind(f="{w}")
    ending(
        s,
        "After that day, {h} [always listened to {m}|never walked into the {place} alone|stayed on the path].",
        "{h} learned to [listen to {m}|look where {h.he} was going].",
        "And every {#season}, {h} and {w} met in the {place} and talked about the night they became friends.",
    )


def sharing(s):
    friend(s)
    s.bind(
        thing="[basket of {#fruits}|{#cake}|bag of cookies|big bowl of {#fruits}|new {#toy}|box of {#color} crayons]"
    )
    toy = (
        "toy" if not any(x in s.ctx["thing"] for x in ("basket", "pie", "cake", "tart", "cookies", "bowl")) else "food"
    )
    s.meta["about"] = "sharing"
    s.meta["does"] = "learns to share"
    opening(s)
    s.p()
    s.one(
        "{#day}, {m} gave {h} a {thing}.",
        "{#day}, {h} got a {thing} from {m}.",
        "It was {h}'s birthday, and {m} gave {h.him} a {thing}.",
    )
    s('"It is all mine!" [said|shouted|cried] {h}.') if s.rng.random() < 0.5 else s("{h} was {#happy}.")
    s.one(
        (
            '{h}\'s friend {f} came by. "May I have [some|a little]?" asked {f}.'
            if toy == "food"
            else '{h}\'s friend {f} came by. "May I play with it too?" asked {f}.'
        ),
        'Then {f}, {f.a} who lived next door, came to visit. "That looks [good|wonderful]! Will you share it with me?" {f.he} asked.',
    )
    s.one(
        '"No!" said {h}. "It is mine."',
        '{h} shook {h.his} head. "I do not want to share," {h.he} said.',
        'But {h} held it tight and turned away. "Get your own," {h.he} said.',
    )
    s.one(
        "{f} looked {#sad} and [went away|walked home slowly|sat down under a tree].",
        "{f} did not say a word. {f.he} just went home.",
    )
    s.p()
    if toy == "food":
        s.one(
            "{h} sat down and ate and ate. Soon {h.his} tummy hurt. And it was no fun to eat alone.",
            "{h} took a bite, but somehow it did not taste good. It was too quiet.",
            "{h} ate until {h.he} could not eat any more, and there was still so much left. Then {h.he} thought of {f}.",
        )
    else:
        s.one(
            "{h} played all alone. After a while, it was not fun any more. There was nobody to laugh with.",
            "{h} tried to play, but something was missing. {h.he} looked at the empty garden and thought of {f}.",
            "{h} played for a while, but {h.he} felt lonely. What good is a present when there is nobody to share it with?",
        )
    proverb = "Things taste better when you share them," if toy == "food" else "A joy that is shared is twice as big,"
    second = "A joy that is shared is twice as big," if toy == "food" else "Then you know what to do,"
    third = "Then you know what to do," if toy == "food" else "It is never too late to be kind,"
    s.maybe(
        0.6,
        '"What is the matter?" asked {m}. "{f} is sad because of me," said {h}. "['
        + "|".join((proverb, second, third))
        + ']" said {m}.',
    )
    s.one(
        "So {h} got up and ran to {f}.",
        "{h} took the {thing} and went to find {f}.",
        "{h} thought about it for a long time. Then {h.he} went to look for {f}.",
    )
    s.ctx["come"] = "Please eat with me." if toy == "food" else "Please play with me."
    s.one(
        '{f} was sitting [alone by the pond|on the steps|under the big {#tree}]. "I am sorry," said {h}. "I was [selfish|not kind]. {come}"',
        '"{f}, I am sorry," {h} said. "It is no fun without you. Let us share."',
    )
    s.one(
        '{f} smiled. "Thank you, {h}," {f.he} said.',
        '{f}\'s face [lit up|became bright]. "Really?" {f.he} asked. "Really," said {h}.',
        "At first {f} said nothing. Then {f.he} [smiled|laughed], and everything was good again.",
    )
    s.p()
    s.one(
        (
            "They ate together and [told each other jokes|laughed until the sun went down], and there was enough for both."
            if toy == "food"
            else "They played together until [the sun went down|it was time for supper], and [they laughed all the time|it was much more fun]."
        ),
        "The two friends sat side by side in the grass and shared everything.",
    )
    s.maybe(
        0.3,
        "The next day, {f} came with {#cake} and gave {h} the bigger piece.",
        "The next day, {f} brought {f.his} own {#toy}, and they shared that too.",
    )
    ending(
        s,
        "{h} learned that sharing makes [everything better|everyone happy|friends happy].",
        "And {h} knew that the best things are the ones you share.",
        '"Sharing is better than having," {h} said to {m} that night.',
        together=True,
    )


FEARS = (
    (
        "the dark",
        "the dark",
        "sleep without a candle",
        "[the candle|the lamp] went out",
        "walk through the dark to {fplace}",
    ),
    ("water", "water", "go near the river", "the river rose", "wade through the water to {fplace}"),
    (
        "thunder",
        "thunder",
        "go out when the sky was gray",
        "a big storm came",
        "run through the thunder and rain to {fplace}",
    ),
    ("heights", "high places", "climb even a small tree", "the ladder broke", "climb up to {fplace}"),
    (
        "dogs",
        "big dogs",
        "walk past the gate where the big dog lived",
        "the gate was open",
        "walk past the big dog to {fplace}",
    ),
)


def brave(s):
    what, fear, cannot, event, deed = s.rng.choice(FEARS)
    friend(s)
    s.meta["about"] = "being brave"
    s.meta["does"] = "is afraid of " + fear
    s.bind(
        fplace={
            "the dark": "the old barn",
            "water": "the little island",
            "thunder": "the hill",
            "heights": "the highest branch",
            "dogs": "the old shed",
        }[what]
    )
    s.bind(fear=fear, cannot=cannot, event=event, deed=deed)
    opening(s)
    meet_friend(s)
    s.one(
        "But {h} had a secret. {h.he} was afraid of {fear}.",
        "There was only one thing that {h} was afraid of, and that was {fear}.",
        "{h} was afraid of {fear}. {h.he} would not {cannot}.",
    )
    s.one(
        'The others laughed at {h.him}. "{h} is a scaredy-cat!" they [said|sang].',
        '"It is all right to be afraid," said {m}. "[One day you will see that you are brave.|Being brave means doing it anyway.]"',
        "{h} wished {h.he} could be brave like {f}.",
    )
    s.p()
    s.one(
        '{#day}, {event}. And then {h} heard a cry. "Help! Help!" It was {f}!',
        "Then, {#day}, {event}, and {f} did not come home. Everyone was worried.",
    )
    at = "in" if s.ctx["fplace"] in ("the old barn", "the old shed") else "on"
    back = "down" if what == "heights" else "[out|back]" if what in ("the dark", "dogs") else "back"
    s.one(
        "{f} was stuck " + at + " {fplace} and could not get " + back + ".",
        "Somebody had to {deed}, and there was nobody but {h}.",
    )
    s.one(
        "{h}'s heart was beating [fast|like a drum]. {h.his} knees were shaking.",
        "{h} wanted to run away and hide.",
        '"I can\'t," {h} thought. "I am too scared."',
    )
    s.one(
        "But {f} needed help.",
        "But then {h.he} thought of {f}, all alone and {#scared}.",
        '"If I do not go, who will?" {h.he} thought.',
    )
    s.p()
    s.one(
        "{h} [took a deep breath|closed {h.his} eyes for a moment|counted to three] and began to {deed}.",
        '"I am coming, {f}!" {h} called. And {h.he} went, [one step at a time|step by step], to {fplace}.',
        "So {h} set out to {deed}. {h.he} sang a little song, because singing made {h.him} feel less afraid.",
    )
    detail = {
        "the dark": (
            "The dark was [deep|thick], but after a while {h.his} eyes could see the shapes of trees and stones. There were no monsters at all.",
            "Something moved! But it was only [a cat|a moth|a leaf in the wind].",
        ),
        "water": (
            "The water was cold and came up to {h.his} chest, but {h} held on to the reeds and went on.",
            "A wave splashed in {h.his} face. {h} shook it off and kept going.",
        ),
        "thunder": (
            "The thunder [rolled|boomed], and {h} jumped, but {h.he} did not turn back.",
            "The rain was in {h.his} eyes, and the wind pushed {h.him}, but {h} went on.",
        ),
        "heights": (
            "{h} did not look down. Branch by branch, {h.he} went higher.",
            "The branch shook in the wind. {h} held on tight and looked only up.",
        ),
        "dogs": (
            'The big dog lifted its head and looked at {h.him}. "Good dog," said {h} in a small voice, and the dog wagged its tail.',
            "The dog barked once. {h} stood very still, and then walked on slowly. The dog only wanted to play.",
        ),
    }[what]
    s.one(*detail)
    s.one(
        "At last {h} reached {f} and took {f.his} hand.",
        'There was {f}! "You came!" said {f}. "Of course," said {h}.',
        '"I knew you would come," said {f}, and held on to {h}.',
    )
    s.one(
        "Together they [went|made their way] back, and soon they were safe [at home|and warm by the fire].",
        "{h} helped {f}, and slowly they made their way home.",
    )
    s.p()
    s.one(
        '"You are the bravest {h.child} I know," said {f}.',
        'Nobody laughed at {h} now. "Three cheers for {h}!" they called.',
        '{m} hugged {h.him}. "Were you not afraid?" {m.he} asked. "I was," said {h}, "but {f} needed me."',
        '"I am so proud of you," said {m}.',
    )
    s.maybe(
        0.5,
        "{h} was still a little afraid of {fear} after that, but only a little.",
        "After that, {h} was never so afraid of {fear} again.",
    )
    ending(
        s,
        "{h} had learned that being brave does not mean that you are never afraid.",
        "And {h} knew now that {h.he} could be brave when it mattered.",
        together=True,
    )


def hurt_animal(s):
    s.bind(bird="[{#bird}|{#bird}|baby {#bird}|squirrel|baby owl|little fox|turtle|tiny mouse]")
    flying = not any(x in s.ctx["bird"] for x in ("squirrel", "fox", "turtle", "mouse"))
    s.bind(
        limb="wing" if flying else "leg",
        away="flew [up into the sky|away over the trees]" if flying else "ran back into the woods",
    )
    if "turtle" in s.ctx["bird"]:
        s.bind(away="walked slowly back to the pond")
    s.meta["about"] = "a hurt " + s.ctx["bird"]
    s.meta["does"] = "helps a " + s.ctx["bird"]
    opening(s)
    s.p()
    s.one(
        "{#day}, {h} found a {bird} {#spot}.",
        "{#day}, {h} heard a soft, sad sound. {#spot}, {h.he} found a {bird}.",
        "{#day}, when {#weather}, {h} saw something small move. It was a {bird}.",
    )
    s.one(
        "Its {limb} was hurt, and it could not [move|get home].",
        "It had hurt its {limb} and was shaking with cold.",
        '"You poor thing," said {h}. "Your {limb} is hurt."',
    )
    s.one(
        "{h} [lifted|picked] it up very gently and carried it home.",
        "Carefully, {h} wrapped it in {h.his} scarf and took it home to {m}.",
        '"Do not be afraid," {h} whispered. "I will help you." And {h.he} carried it home.',
    )
    s.p()
    s.one(
        '"Can we help it?" {h} asked. {m} [looked at it|smiled]. "We can try," said {m}. "[It needs rest and food.|But it will need time.]"',
        "{m} showed {h} how to [clean|tie up] the {limb} with a soft cloth.",
    )
    s.one(
        "{h} made a bed for it in [a box|an old hat|a basket] with soft [hay|moss|wool].",
        "They put it in a warm basket by the fire.",
    )
    s.one(
        "Every day, {h} gave it [seeds|crumbs|berries] and fresh water. At night, {h.he} sat beside it and [told it stories|sang to it].",
        "{h} fed it with a tiny spoon and talked to it every day.",
    )
    s.maybe(
        0.5,
        "At first, the {bird} was afraid and hid. But soon it [ate from {h}'s hand|knew {h}'s voice].",
        "{h} gave it a name, too. {h.he} called it [Lucky|Star|Sunny|Pebble|Feather].",
    )
    s.one(
        "After [two|three] weeks, the {limb} was [strong|healed].",
        "Day by day, the {bird} grew stronger.",
        "Spring came, and the {limb} was well again.",
    )
    s.p()
    s.one(
        '"It is time to let it go," said {m}. {h} was {#sad}, but {h.he} knew that {m} was right.',
        "{h} wanted to keep it forever. But the {bird} looked out of the window all day, and {h} knew that it wanted to go home.",
    )
    s.one(
        '{h} opened [the door|the window|{h.his} hands]. "Goodbye, little friend," {h.he} said. The {bird} looked at {h.him} once more and {away}.'
    )
    if s.rng.random() < 0.6:
        s.p()
        s.one(
            "Many weeks later, {h} was [lost in the woods|sitting alone and sad|caught in the snow].",
            "One day in {#season}, {h} [lost {h.his} way in the fog|could not find {h.his} way home].",
        )
        s.one(
            "Then {h.he} heard a sound that {h.he} knew. It was the {bird}! It [went ahead of {h.him}|showed {h.him} the way], and soon {h} was home.",
            "Suddenly the {bird} was there. It had not forgotten {h}. It [stayed with {h.him}|led {h.him}] until {h.he} was safe at home.",
        )
        s.one('"Now you have helped me," said {h}.', '"Thank you, my friend," {h} said softly.')
    else:
        s.one(
            "{h} missed it. But the next [morning|spring], there was a song outside the window. The {bird} had come back to say hello!"
            if flying
            else "{h} missed it. But the next [morning|spring], something [tapped at|scratched at] the door. The {bird} had come back to say hello!"
        )
    ending(
        s,
        "A kind heart is never forgotten.",
        "{h} learned that [kindness comes back to you|to love something sometimes means to let it go].",
        "And they stayed friends for the rest of their lives.",
    )


def birthday(s):
    friend(s)
    s.meta["about"] = "a birthday present"
    s.meta["does"] = "makes a present"
    opening(s)
    meet_friend(s)
    who = s.rng.choice(["f", "m"])
    s.bind(p=s.ctx["f"] if who == "f" else s.ctx["m"])
    for k in ("he", "him", "his"):
        s.ctx["p." + k] = s.ctx[who + "." + k]
    s.p()
    s.one(
        "Tomorrow was {p}'s birthday, and {h} had no present.",
        '{#day}, {h} remembered that it was almost {p}\'s birthday. "What can I give {p.him}?" {h.he} wondered.',
        (
            "It would soon be {p}'s birthday. {h} wanted to give {p.him} something special, but {h.he} had no money."
            if s.rng.random() < 0.5
            else "It would soon be {p}'s birthday, and {h} wanted to give {p.him} something special."
        ),
    )
    s.bind(
        idea="[a {#cake}|a necklace of shells|a picture|a song|a basket of {#fruits}|a warm scarf|a crown of {#flowers}|a little wooden boat|a lamp made of paper]"
    )
    s.one(
        '{h} thought and thought. Then {h.he} had an idea. "I will make {idea}!" {h.he} said.',
        '"I know!" said {h}. "I will make {idea}. {p} will love it."',
        '{h} had only one coin, and that was not enough to buy anything. "Then I will make {idea}," {h.he} decided.',
    )
    s.p()
    s.one(
        "{h} worked all [day|afternoon|evening].",
        "First {h} got everything {h.he} needed. Then {h.he} began to work.",
        "It was not easy.",
    )
    s.one(
        "At first, everything went wrong. {h} wanted to give up, but {h.he} tried again.",
        "The first one was [not good|too small|all wrong], so {h} started again.",
        (
            '{m} wanted to help, but {h} said, "I want to do it all by myself."'
            if who == "f"
            else '{f} wanted to help, but {h} said, "I want to do it all by myself."'
        ),
    )
    s.one(
        "At last it was ready. It was a little crooked, but {h} had made it with love.",
        "When it was done, {h} was {#tired} but {#happy}.",
        "In the evening, {h} looked at it and smiled. It was [beautiful|just right].",
    )
    trouble = s.rng.random()
    if trouble < 0.5:
        s.p()
        s.one(
            "But on the way to the party, {h} tripped over a [stone|root] and fell. Oh no! The present was [broken|ruined].",
            "But in the night it rained through the roof, and in the morning the present was ruined.",
            "But the next day, a big dog jumped up at {h.him}, and the present fell in the mud.",
        )
        s.one(
            '{h} began to cry. "Now I have nothing to give {p.him}," {h.he} said.',
            "Tears ran down {h}'s face. All that work was for nothing.",
        )
        s.one(
            '{h} went to {p} with empty hands. "I made {idea} for you," {h.he} said, "but it is broken."',
            '"Happy birthday," {h} said to {p} in a sad voice. "I had {idea} for you, but now it is gone."',
        )
        s.one(
            '{p} hugged {h.him}. "[You are here, and that is the best present|The best present is that you thought of me]," {p} said.',
            '"You made that for me?" said {p}. "Nobody has ever been so kind. [We can make a new one together!|Come, let us fix it together.]"',
        )
    else:
        s.p()
        s.one(
            "The next day, everyone came to the party. There were [big|shiny] presents from the [shop|town]. {h} felt {#shy}.",
            'On the birthday, {h} held {h.his} present behind {h.his} back. "It is not very big," {h.he} said.',
            'In the morning, {h} ran to {p}. "Happy birthday!" {h.he} shouted.',
        )
        s.one(
            '{p} opened {h.his} present last of all. "{h}, did you make this for me?" {p.he} asked. "It is the best present of all!"',
            'When {p} saw it, {p.he} [laughed for joy|had tears in {p.his} eyes]. "Nobody ever made me something so {#nice}," {p.he} said.',
        )
    s.one(
        "Then they all ate {#cake} and [danced|sang|played games] until [it was dark|the stars came out].",
        "They sang a song, and there was {#cake} for everyone.",
    )
    ending(
        s,
        "{h} learned that the best presents come from the heart.",
        "A present does not have to be big to be wonderful.",
        together=(who == "f"),
    )


def race(s):
    friend(s, "r")
    wise(s, "w")
    s.meta["about"] = "a race"
    s.meta["does"] = "runs a race"
    opening(s)
    s.p()
    s.one(
        'Near {h.him} lived {r}, {r.a} who was very [proud|fast]. "Nobody can beat me," {r} said [every day|to everyone].',
        '{h} knew {r.a} named {r}. {r} always boasted. "I am the fastest of all!" {r.he} said.',
        'Everyone was talking about the big race. "I will win, of course," said {r}, {r.a} with a proud face.',
    )
    s.one(
        '"I will race with you," said {h} [one day|quietly].',
        '{h} was not very fast, but {h.he} wanted to try. "May I race too?" {h.he} asked.',
    )
    s.one(
        '{r} laughed. "You? You are much too slow!"',
        "The others laughed, but {h} did not mind.",
        '"Ha!" said {r}. "This will be easy."',
    )
    s.maybe(
        0.6,
        "Every day, {h} practiced. {h.he} ran [up the hill and down again|along the river], first a little, then more.",
        '"Do your best," said {m}. "That is all that matters."',
    )
    s.p()
    s.bind(goal="[the old mill|the big {#tree}|the bridge|the top of the hill|the end of the lake]")
    s.one(
        'On the day of the race, everyone came to watch. {w.a} counted. "One, two, three, go!"',
        'The race was to {goal} and back. "Ready, steady, go!" called {w.a}.',
    )
    s.one(
        "{r} ran off like the wind and was soon far ahead. {h} ran [slowly and steadily|as well as {h.he} could].",
        "At first {r} was far in front. {h} was the last of all, but {h.he} did not stop.",
    )
    if s.rng.random() < 0.5:
        s.one(
            'Near {goal}, {r} looked back and could not see {h}. "I have so much time," said {r}. {r.he} lay down under a tree and [fell asleep|ate some {#fruits}].',
            '"I am so far ahead that I can take a rest," said {r}, and {r.he} sat down near {goal} [and closed {r.his} eyes|to eat some {#fruits}].',
        )
        s.one(
            "{h} kept on going, step by step. {h.he} passed {r} and did not stop.",
            "Step by step, {h} came nearer, and went past.",
        )
        s.one(
            "When {r} [woke up|looked up], it was too late. {h} was already at the finish line!",
            "{r} jumped up and ran as fast as {r.he} could, but {h} had won!",
        )
        s.one(
            'Everybody cheered. "How did you do it?" asked {r}. "I just did not stop," said {h}.',
            '"Hooray for {h}!" they all shouted. {r} [looked at the ground|was very quiet]. "You ran a good race," {r.he} said at last.',
        )
        ending(
            s,
            "Slow and steady wins the race.",
            "{r} never boasted again.",
            "{h} learned that you can do a lot if you do not give up.",
        )
    else:
        s.one(
            "Suddenly {r} [stepped into a hole|fell over a root] and cried out. {r.his} foot hurt, and {r.he} could not run.",
            "But near {goal}, {r} slipped on a wet stone and fell into [a ditch|the mud].",
        )
        s.one(
            '{h} could have run past and won. But {h.he} stopped. "Are you hurt? Let me help you," {h.he} said.',
            '"Now I can win!" thought {h}. But {h.he} saw {r}\'s face and stopped.',
        )
        s.one(
            "{r} leaned on {h}, and together they went on. They came in last, but everyone cheered [louder than before|for them].",
            "{h} helped {r} up, and they crossed the line together, side by side.",
        )
        s.one(
            '"I was mean to you, and you helped me," said {r}. "I am sorry." "[That is all right|Let us be friends]," said {h}.',
            '"You are the real winner," said {w.the}, and gave {h} the golden cup. {h} shared it with {r}.',
        )
        s.bind(f="{r}")
        ending(
            s,
            "Being kind is better than being first.",
            "From then on, {r} was never proud again, and the two ran together every day.",
            together=True,
        )


def honest(s):
    s.meta["about"] = "telling the truth"
    s.meta["does"] = "tells a lie"
    opening(s)
    s.bind(
        thing="[{#color} vase|{#color} cup|glass bowl|window|clock|mirror|flowerpot|{#color} plate|lamp|teapot]",
        pet="[cat|dog|puppy|kitten]",
    )
    s.p()
    s.one(
        "{#day}, {h} was playing [with a ball|{#game}] in the house, although {m} had said not to.",
        '{#day}, {m} went out. "Be good, and do not run in the house," {m} said. But {h} forgot.',
        "{#day}, it was raining, and {h} was bored. {h.he} began to throw {h.his} ball in the kitchen.",
    )
    s.one(
        "Crash! The {thing} [fell down and broke|broke into a hundred pieces].",
        "Suddenly there was a loud crash. The {thing} was broken!",
        "{h} bumped into the table, and [down went the {thing}|the {thing} fell to the floor and broke].",
    )
    s.one(
        "It was {m}'s favorite {thing}. {h} felt [cold with fear|sick].",
        '"Oh no," whispered {h}. "What will {papa} say?"',
    )
    s.one("{h.he} hid the pieces {#hide}.", "Quickly, {h.he} swept up the pieces and hid them {#hide}.")
    s.p()
    s.one(
        'When {m} came home, {m.he} asked, "Where is my {thing}?"',
        'In the evening, {m} looked around. "What happened to the {thing}?" {m.he} asked.',
    )
    s.one(
        '"I do not know," said {h}. "Maybe it was the {pet}."',
        '"It was the {pet}!" said {h} quickly.',
        '{h} looked at the floor. "I did not do it," {h.he} said.',
    )
    s.one(
        "{m} said nothing, but {m.he} looked [sad|at {h} for a long time].",
        "{m} looked at the {pet}. The poor {pet} had to [stay outside in the cold|go without supper].",
    )
    s.one(
        "That night, {h} could not sleep. {h.his} tummy hurt, and {h.he} could only think about the lie.",
        "{h} did not want to play, and {h.he} did not want to eat. The lie felt like a stone in {h.his} heart.",
        "{h} lay awake and listened to the [wind|clock|rain]. {h.he} had never felt so bad.",
    )
    s.p()
    s.one(
        'At last {h} got up and went to {m}. "I have to tell you something," {h.he} said. "I broke the {thing}, and I lied. I am so sorry."',
        'The next morning, {h} [took the pieces|brought the broken pieces] to {m}. "It was me," {h.he} said and began to cry.',
        '"{papa}," said {h} with tears in {h.his} eyes, "it was not true what I said. I broke it."',
    )
    s.one(
        '{m} took {h.him} in {m.his} arms. "Thank you for telling me the truth," {m.he} said. "[That was brave|A {thing} can be fixed, but a lie hurts us both]."',
        '"I knew it," said {m} softly. "I was only waiting for you to tell me. I am glad that you did."',
    )
    s.one(
        "Together they glued the pieces. It did not look new, but [{h} liked it even more|every time {h} saw it, {h.he} remembered to tell the truth].",
        "{h} helped {m} [all week|in the kitchen] to make up for it, and they bought a new {thing} [together|in the market].",
        "{h} felt [light as a feather|as if the sun had come out].",
    )
    ending(
        s,
        "{h} learned that the truth is always better than a lie.",
        "From then on, {h} always told the truth, even when it was hard.",
        "And {h} never lied again.",
    )


def wishes(s):
    s.meta["about"] = "three wishes"
    s.meta["does"] = "gets three wishes"
    opening(s)
    s.bind(
        magic="[golden fish|tiny fairy|little green man|silver bird|talking frog|white snake|shining star|old woman with bright eyes]"
    )
    s.p()
    s.one(
        "{#day}, {h} found a {magic} caught in [a net|the thorns|a trap] {#spot}.",
        '{#day}, {h} was walking by the river and heard a voice. "Help me!" It was a {magic}, stuck between two stones.',
    )
    s.one("{h} [set it free|helped it] at once, very gently.", '"Do not worry," said {h}, and set it free.')
    s.one(
        '"Thank you," said the {magic}. "Because you are kind, I will give you three wishes. But think well!"',
        '"You have saved me," said the {magic}. "You may make three wishes. Be careful what you wish for."',
    )
    s.p()
    first, gone = s.rng.choice(
        [
            (
                "I wish for a mountain of [candy|cake|cookies]",
                "At once there was so much of it that {h} could not open the door. {h.he} ate and ate until {h.his} tummy hurt",
            ),
            (
                "I wish I were as big as a tree",
                "Whoosh! {h} grew and grew until {h.his} head was in the clouds. {h.he} could not fit into {h.his} bed, and everyone ran away from {h.him}",
            ),
            (
                "I wish that everything I touch turns to gold",
                "It was wonderful at first. But {h.his} bread turned to gold, and {h.his} soup turned to gold, and {h.he} was very hungry",
            ),
            (
                "I wish it were never night",
                "The sun stayed in the sky. But nobody could sleep, and the flowers grew dry, and everyone was tired and cross",
            ),
            (
                "I wish I could fly",
                "{h} rose up into the air like a bird. It was fun at first, but the wind was strong and cold, and {h.he} could not get down again",
            ),
            (
                "I wish I were the king of all the land",
                "There stood a castle with a hundred rooms. But it was cold and empty there, and nobody wanted to play with a king",
            ),
            (
                "I wish nobody could see me",
                "{h} became like air. But when {h.he} said hello, everyone was frightened, and {m} cried because {m.he} could not find {h.him}",
            ),
        ]
    )
    s('[{h} did not think long.|"Three wishes!" cried {h}.|{h} closed {h.his} eyes.]')
    s('"' + first + '," {h.he} said.')
    s(gone + ".")
    s.p()
    s.one(
        '"This is not what I wanted!" cried {h}. "I wish everything were as it was before." And at once it was.',
        '{h} was {#sad}. "For my second wish," {h.he} said, "I wish that it had never happened." And so it was.',
    )
    s.one(
        "Now {h} had only one wish left. This time {h.he} thought for a long, long time.",
        "Only one wish was left. {h} sat down {#spot} and thought.",
    )
    last = s.rng.choice(
        [
            (
                '{h} thought of {m}, who worked so hard. "I wish that my {mw} will always be [healthy|happy]," {h.he} said.',
                "From that day on, {m} sang every morning.",
            ),
            (
                'Then {h.he} saw that it had not rained for weeks and the fields were dry. "I wish for rain for everyone," {h.he} said.',
                "Soft rain began to fall, and everybody danced in it.",
            ),
            (
                'Then {h.he} thought of the old neighbor who could not see. "I wish that our neighbor could see again," {h.he} said.',
                "And the neighbor opened the window and looked at the sky, and laughed.",
            ),
            (
                '"I do not need anything," {h.he} said at last. "I wish that you may always be free."',
                'The {magic} shone like the sun. "That is the best wish of all," it said, and it became {h}\'s friend forever.',
            ),
            (
                '"I have a home, and I have my {mw}," {h.he} said. "I wish for a good friend."',
                'Then there was a knock at the door. A {#trait} [boy|girl|rabbit|puppy] stood there and said, "Hello! Do you want to play?"',
            ),
        ]
    )
    s(*last)
    s.one(
        'The {magic} smiled. "You have learned to wish well," it said, and was gone.',
        '"That was a good wish," said the {magic}.',
        "And {h} was {#happy}.",
    )
    ending(
        s,
        "{h} learned that the best wishes are the ones you make for others.",
        "{h} never forgot the three wishes, and {h.he} was happy with what {h.he} had.",
    )


def seed(s):
    s.meta["about"] = "a little seed"
    s.meta["does"] = "plants a seed"
    friend(s)
    opening(s)
    meet_friend(s)
    s.bind(plant="[sunflower|pumpkin|apple tree|bean plant|rose|cherry tree|melon|strange blue flower]")
    s.p()
    s.one(
        '{#day}, {m} gave {h} a tiny seed. "Plant it and take good care of it," {m} said.',
        '{#day}, {h} found a small [brown|black|striped] seed on the road. "What will it be?" {h.he} wondered.',
        '{#day}, an old woman gave {h} a seed. "Be patient with it," she said, "and you will have a wonderful surprise."',
    )
    s.one(
        "{h} made a hole in the ground [behind the house|in the garden|near the fence], put in the seed, and covered it with earth.",
        "{h} planted the seed in a [pot|sunny spot] and gave it water.",
    )
    s.one(
        "The next morning, {h} ran out to look. There was nothing.",
        '"Grow, little seed, grow!" {h.he} said. But nothing happened.',
    )
    s.one(
        "{h} waited one day, and two days, and three days. Still there was nothing.",
        "Every day {h} watered it, and every day there was only brown earth.",
    )
    s.one(
        '"It is dead," said {f}. "Come and play and forget about it."',
        '"Maybe it will never grow," {h} said to {m}. "Good things take time," said {m}.',
        '{f} laughed. "You are talking to dirt!" {f.he} said.',
    )
    s.p()
    s.one(
        "But {h} did not give up. {h.he} gave it water [every morning|every evening], and {h.he} [pulled out the weeds|sang to it].",
        "Still, {h} took care of it. When it was hot, {h.he} gave it shade, and when it was dry, {h.he} gave it water.",
    )
    s.one(
        'Then one day, there was a tiny green [leaf|point] in the earth. "It is growing!" shouted {h}.',
        'And then, one morning after the rain, {h} saw something green. "Come quickly!" {h.he} called. "Look at my plant!"',
    )
    s.maybe(
        0.5,
        "A [snail|goat|crow] wanted to eat it, but {h} [built a little fence|chased it away].",
        "One night, a storm came. {h} ran out and [held an umbrella over it|put a box over it] until the storm was over.",
    )
    s.one(
        "It grew and grew, first as high as {h.his} knee, then as high as {h.his} head.",
        "Week after week, it grew taller. By the end of summer, it was a [big|beautiful] {plant}.",
    )
    s.p()
    end = {
        "sunflower": "The flower was as yellow as the sun, and [bees|birds] came from far away to visit it",
        "pumpkin": "The pumpkin was so big that three people had to carry it, and {m} made soup for the whole village",
        "apple tree": "In time the tree gave so many red apples that {h} could give some to everyone",
        "bean plant": "It was full of beans, and there was enough for a big pot of soup",
        "rose": "The rose was the most beautiful in the land, and its smell filled the whole garden",
        "cherry tree": "In spring it was white with flowers, and in summer it was full of cherries for all the children",
        "melon": "The melon was sweet and juicy, and {h} cut it into many pieces, one for each friend",
        "strange blue flower": "At night, the flower shone like a little star, and everyone came to see it",
    }
    s(end[s.ctx["plant"]] + ".")
    s.one(
        '"You were right, and I was wrong," said {f}. "May I help you plant another one?"',
        '"I am proud of you," said {m}. "You did not give up."',
        '{f} looked at it with big eyes. "All this from one tiny seed!" {f.he} said.',
    )
    ending(
        s,
        "{h} learned that good things need time.",
        "The next {#warmseason}, {h} planted a whole row of seeds.",
        "If you take care of something, it will grow.",
        together=True,
    )


def storm(s):
    friend(s)
    friend(s, "g")
    s.meta["about"] = "a storm"
    s.meta["does"] = "builds a shelter in a storm"
    s.bind(
        storm="[storm|snowstorm|big rain|strong wind]",
        build="[a hut of branches|a wall of stones|a roof of leaves|a little house of wood|a warm shelter under the rocks]",
    )
    opening(s)
    s.one(
        "{h} had two friends, {f} and {g}.",
        "{h}'s best friends were {f}, {f.a}, and {g}, {g.a}.",
        "{h}, {f} and {g} were always together.",
    )
    s.p()
    s.one(
        '{#day}, the sky turned dark. "A {storm} is coming," said {h}.',
        "{#day}, the wind began to howl, and black clouds came over the hills.",
    )
    s.one(
        '"We need a safe place," said {h}. "Let us build {build}."',
        '"We must build {build} before it comes," said {f}.',
    )
    s.one(
        '"I do not want to work," said {g}. "I want to [play|sleep]. The {storm} will not come here."',
        '{g} only laughed. "It is just a few clouds," {g.he} said and went to [play|take a nap].',
        'But {g} shook {g.his} head. "I can look after myself," {g.he} said.',
    )
    s.one(
        "So {h} and {f} worked alone. They carried wood and stones until their backs hurt.",
        "{h} and {f} worked all afternoon. {h} [gathered branches|carried stones], and {f} [tied them together|put them in place].",
    )
    s.p()
    s.one(
        "Then the {storm} came. It roared like a lion. Inside, {h} and {f} were warm and dry.",
        "In the evening, the {storm} began. The trees bent and the sky [flashed|was black], but {h} and {f} were safe inside.",
    )
    s.one(
        '"Where is {g}?" asked {h}. "{g.he} is out there all alone!"',
        'There was a weak knock. It was {g}, wet and cold. "May I come in?" {g.he} asked.',
        'Through the noise they heard a cry. "That is {g}!" said {f}.',
    )
    s.one(
        '"{g.he} did not help us," said {f}. "But {g.he} is our friend," said {h}. "There is room for three."',
        "{h} did not wait. {h.he} took {g} by the hand and pulled {g.him} inside.",
    )
    s.one(
        'They gave {g} a blanket and some {#food}. {g} was {#ashamed}. "I am sorry I did not help," {g.he} said.',
        "The three friends sat close together and [told stories|sang songs] until the {storm} was over.",
    )
    s.p()
    s.one(
        "In the morning, the sun came out, and [a rainbow stood over the hills|the whole world looked new|the birds began to sing again].",
        "When the {storm} was gone, they opened the door. [A rainbow stood in the sky|The air was clear and fresh].",
    )
    s.one(
        'Many things were broken, and {g} was the first to [start working|help]. "Now it is my turn," {g.he} said.',
        '"Today I will do the work," said {g}, and {g.he} fixed [the roof|everything that was broken].',
    )
    ending(
        s,
        "Together, they could get through any storm.",
        "{g} never laughed at work again.",
        "True friends help each other, even when it is hard.",
        together=True,
    )


def noise(s):
    s.meta["about"] = "a strange noise"
    s.meta["does"] = "hears a strange noise"
    s.bind(
        noise="{#noise}",
        src="[kitten|puppy|hedgehog|baby owl|squirrel|mouse|little bat|lost lamb|duckling|raccoon]",
        where="[in the attic|under the stairs|behind the wall|in the cellar|outside the window|in the chimney|under the floor|in the old barn]",
    )
    human = s.meta["cast"]["h"][3]
    if not human:
        s.bind(where="[outside the door|in the bushes|behind the big rock|in the old tree|under the roots]")
    opening(s)
    s.p()
    s.one(
        "One night, {h} woke up. {noise}! What was that?",
        "One dark night, {h} heard a strange noise. {noise}!",
        "{h} was almost asleep when {h.he} heard it. {noise}. It came from somewhere {where}.",
    )
    s.one(
        '{h} pulled the blanket over {h.his} head. "[Is it a monster?|Is it a ghost?|Who is there?]" {h.he} whispered.',
        "{h}'s heart began to beat fast. {h.he} listened. There it was again: {noise}.",
    )
    s.one(
        '{h.he} [ran to|woke up] {m}. "There is a monster {where}!" {h.he} said. "There are no monsters," said {m} and yawned. "Go back to sleep."',
        '"Maybe it is only the wind," {h} said to {h.self}. But the wind does not go {noise}.',
        '"I am not afraid," {h} said, but {h.his} voice was very small.',
    )
    s.p()
    s.one(
        "At last {h} could not stand it any more. {h.he} took a [lamp|candle|lantern] and went to look.",
        '"I want to know what it is," {h} said. {h.he} got up and went slowly toward the noise, one step, two steps, three steps.',
    )
    s.one(
        "[The floor creaked.|It was very dark.|The shadows danced on the wall.] {noise}! The noise was very near now.",
        "{h} held {h.his} breath. The noise came from right in front of {h.him}.",
    )
    s.one(
        "{h} lifted the light, and there, {where}, sat a tiny {src} with big, frightened eyes.",
        "And what did {h} see? It was only a {src}! It was [cold|wet|thin|hungry] and very small, and it was shaking.",
    )
    s.one(
        '"So you are the monster!" {h} said and laughed.',
        '"Oh, you are just as scared as I am," said {h}.',
        '"Hello, little one," said {h} softly. "Are you [lost|hungry|cold]?"',
    )
    s.one(
        "{h} gave it some [milk|bread|water|{#fruits}] and [made it a bed in a basket|wrapped it in a warm cloth].",
        "The {src} had [lost its mother|lost its way]. {h} carried it to a warm place and stayed with it all night.",
    )
    s.p()
    s.one(
        'In the morning, {h} showed the {src} to {m}. "Here is my monster," {h.he} said.',
        "When {m} came in the morning, {m.he} found {h} and the {src} asleep, side by side.",
    )
    s.one(
        '"You were very brave," said {m}. "May it stay?" asked {h}. {m} [smiled and nodded|thought for a moment. "Yes," {m.he} said].',
        "They found its family that day, and the {src} came back to visit every [night|evening].",
    )
    s.bind(f="the {src}")
    ending(
        s,
        "After that, {h} was never afraid of noises in the night.",
        "Most monsters are very small when you look at them in the light.",
        together=True,
    )


def newcomer(s):
    child(s, "f") if s.meta["cast"]["h"][3] else animal(s, "f")
    s.meta["about"] = "a new friend"
    s.meta["does"] = "finds a new friend"
    opening(s)
    s.p()
    s.one(
        "{#day}, someone new came to [live nearby|the neighborhood]. It was {f.a} named {f}.",
        "{#day}, {h} saw {f.a} sitting all alone {#spot}. Nobody knew {f.him} yet. {f.his} name was {f}.",
        "In {#season}, a new family moved in next door. They had {f.a} named {f}.",
    )
    s.one(
        "{f} was very shy and did not [say a word|talk to anyone].",
        "{f} [hid behind a tree|looked at the ground] when anyone came near.",
        "{f} had [a funny hat|very big ears|a strange way of talking|a patch on {f.his} coat], and some of the others laughed at {f.him}.",
    )
    s.one(
        '"Why is {f.he} always alone?" {h} asked {m}. "Maybe {f.he} misses {f.his} old home," said {m}.',
        "{h} remembered how it felt to be [new|alone].",
        '"I would not like to be alone like that," {h} thought.',
    )
    s.p()
    s.one(
        'So {h} went up to {f.him}. "Hello, I am {h}. What is your name?" The answer was so quiet that {h} had to ask again. "{f}," {f.he} whispered.',
        'The next day, {h} took some {#food} and knocked at {f}\'s door. "Would you like to [play|share this with me]?" {h.he} asked.',
    )
    s.one(
        "{f} shook {f.his} head and ran away. But {h} did not give up.",
        "{f} did not answer at first.",
        "{f} looked surprised. Nobody had ever asked {f.him} that.",
    )
    s.one(
        "{h} sat down beside {f.him} and began to [draw in the sand|build a tower of stones|whistle a tune|make a chain of {#flowers}]. {#time}, {f} came closer and began to help.",
        '{h} showed {f} {h.his} {#toy}. "You can try it," {h.he} said. And slowly, {f} began to smile.',
        '"Do you like [stories|songs|games]?" asked {h}. {f} nodded. "Then come with me!"',
    )
    s.one(
        "It turned out that {f} could [sing like a bird|draw wonderful pictures|tell the funniest stories|run faster than anyone|make toys out of wood|do magic tricks].",
        "{f} knew [many songs from far away|games that nobody here had ever played|the names of all the stars], and {f.he} taught them to {h}.",
    )
    s.p()
    s.one(
        'Soon the others came to see why they were laughing so much. "May we play too?" they asked. "Of course," said {f}.',
        'When the others saw that, they were sorry that they had laughed. "Will you teach us, too?" they asked.',
    )
    s.one(
        '"Thank you for not giving up on me," {f} said to {h}.',
        '"I was so afraid that nobody would like me," said {f}. "I like you," said {h}.',
        "Now {f} was not shy any more. {f.he} had a friend.",
    )
    ending(
        s,
        "One friendly word can change everything.",
        "{h} learned that a stranger is a friend you have not met yet.",
        "And whenever someone new came, {f} was the first to say hello.",
        together=True,
    )


def monster(s):
    s.bind(
        kind="[dragon|giant|troll|big bear|ogre|sea monster|great wolf]",
        name="{#monstername}",
        doing="[roared all night|stole the sheep|sat on the only bridge|frightened the children|blew smoke over the roofs|made the ground shake]",
    )
    s.meta["about"] = "a " + s.ctx["kind"]
    s.meta["does"] = "meets a " + s.ctx["kind"]
    opening(s)
    s.p()
    s.one(
        "But in the mountains near by, there lived a {kind}. It {doing}, and everyone was afraid of it.",
        "Not far away lived a terrible {kind}. Every day it {doing}, and nobody dared to go out.",
        "{#day}, a {kind} came to the land. It {doing}, and all the people hid in their houses.",
    )
    s.one(
        '"We must fight it!" said the men. They went up with sticks and [shovels|pans], but they soon came running back.',
        "The [king|mayor] sent his bravest soldiers, but they all ran away.",
        'Nobody knew what to do. "It is too strong," they said.',
    )
    s.one(
        '"Has anyone ever talked to it?" asked {h}. Everyone laughed.',
        '"I will go and ask what it wants," said {h}. "You?" they said. "You are much too small!"',
        '{h} thought that perhaps the {kind} was not bad at all. "I will talk to it," {h.he} said.',
    )
    s.p()
    s.one(
        "The next morning, {h} took [a loaf of bread|a basket of {#fruits}|a {#cake}] and climbed up the mountain.",
        "So {h} went, with nothing but a {#cake} and {h.his} brave heart.",
    )
    side(s, 0.4)
    if s.rng.random() < 0.5:
        s('In front of a dark cave sat the {kind}. It was as big as a house. "Who dares to come here?" it roared.')
        s(
            '{h}\'s knees shook, but {h.he} [bowed and said|said politely], "Good morning. My name is {h}. [Would you like something to eat?|May I ask you why you are so angry?]"'
        )
    else:
        s(
            'The {kind} was asleep in front of its cave. {h} coughed. One big yellow eye opened. "Are you not afraid of me?" it growled.'
        )
        s('"[A little|Yes, a little]," said {h}, "but I wanted to ask you something. Why are you so angry?"')
    why = s.rng.choice(
        [
            (
                'The {kind} was so surprised that it forgot to roar. "I am not angry," it said. "I have a thorn in my foot, and it hurts all day and all night."',
                '"Let me see," said {h}. {h.he} pulled with all {h.his} strength, and out came a thorn as long as an arm.',
            ),
            (
                'Then a big tear rolled down its face. "Nobody ever comes to see me," it said. "I am so lonely, and nobody wants to be my friend."',
                '"I will be your friend," said {h}. They ate together and talked until noon.',
            ),
            (
                '"I am hungry," said the {kind}. "I cannot cook, and I am tired of eating stones."',
                '{h} laughed. "I can teach you how to make soup," {h.he} said. And so they cooked the biggest pot of soup in the world.',
            ),
            (
                '"My tooth hurts," said the {kind} and held its cheek. "It hurts so much that I have to shout."',
                "{h} tied a rope around the tooth and the other end to a rock. One, two, three, and the tooth was out!",
            ),
            (
                '"I cannot sleep," said the {kind}. "I am afraid of the dark, and so I make noise."',
                "{h} gave it {h.his} little lantern and sang a lullaby. For the first time in a hundred years, the {kind} slept well.",
            ),
        ]
    )
    s(*why)
    s.one(
        '"Nobody has ever been so kind to me," said the {kind}. "My name is {name}."',
        '"Thank you," said the {kind}, and its voice was soft now. "You may call me {name}."',
    )
    s.p()
    s.one(
        "When {h} came back riding on {name}'s shoulder, the people [could not believe their eyes|ran away at first].",
        'Together they went down to the village. "Do not be afraid," called {h}. "This is {name}, and {name} is my friend."',
    )
    s.one(
        "From then on, {name} [helped to carry heavy logs|kept everyone warm in winter|gave the children rides|watched over the village], and nobody was afraid any more.",
        "{name} said sorry for everything and [fixed the broken roofs|built a new bridge]. The people gave {name} {#food}, and there was a big feast.",
    )
    s.bind(f="{name}")
    ending(
        s,
        "Sometimes a kind word is stronger than a sword.",
        "{h} had done what a hundred soldiers could not do.",
        '"How did you do it?" everyone asked. "I only asked," said {h}.',
        together=True,
    )


def quest(s):
    s.bind(
        cure="[silver flower|golden apple|water of life|blue herb|moon berry|honey of the wild bees|feather of the white bird]",
        far="[on the glass mountain|beyond the seven hills|on the island in the middle of the lake|in the heart of the dark forest|at the end of the world|behind the great waterfall]",
    )
    s.meta["about"] = "a long journey"
    s.meta["does"] = "goes on a long journey"
    opening(s)
    s.one(
        "But one {#season}, {m} became very ill.",
        "{#day}, {m} fell ill and could not get out of bed.",
        "Then {m} became sick, and no doctor could help {m.him}.",
    )
    wise(s, "w")
    s.one(
        '"Only the {cure} can help," said [the doctor|an old woman|{w.a}]. "You can find it {far}."',
        '{w.a} came to the window. "There is a wonderful thing, the {cure}, {far}," {w.he} said. "It can make {m.him} well again."',
    )
    s.one(
        '"Then I will go and get it," said {h}, and {h.he} set out [at once|before the sun was up|with a piece of bread in {h.his} pocket].',
        "{h} kissed {m} and went out into the wide world.",
    )
    s.p()
    helpers = []
    for k in ("a1", "a2", "a3")[: s.rng.choice([2, 2, 3])]:
        kind = fresh(
            s, ["ant", "fish", "eagle", "bear", "fox", "bee", "mouse", "wolf", "horse", "swan", "raven", "deer"]
        )
        bind_character(s, k, None, kind, s.rng.choice("fm"), False)
        helpers.append((k, kind))
    problems = {
        "ant": "was carrying a crumb that was too heavy for it",
        "fish": "was lying in the dry grass and could not get back to the water",
        "eagle": "was caught in a net",
        "bear": "had a thorn in its paw",
        "fox": "was stuck in a trap",
        "bee": "had fallen into a puddle",
        "mouse": "was running from a hungry cat",
        "wolf": "had not eaten for three days",
        "horse": "had lost its way in the fog",
        "swan": "had a broken wing",
        "raven": "was hungry and cold",
        "deer": "was caught in the thorns",
    }
    first = True
    for k, kind in helpers:
        s.one(
            "[On the way|First|On the first day], {h} [met|saw|found] a " + kind + " that " + problems[kind] + "."
            if first
            else "[A little farther on|On the next day|Then|After a while], {h.he} [came to|saw|found] a "
            + kind
            + " that "
            + problems[kind]
            + "."
        )
        s.one(
            "{h} stopped and helped it.",
            "{h} was in a hurry, but {h.he} felt sorry for it and helped it.",
            '"Let me help you," said {h}.',
            '"Wait, I will help you," said {h}, and {h.he} did.',
        )
        s.one(
            '"Thank you," said the '
            + kind
            + '. "[If you ever need me, just call|I will not forget it|One day I will help you too]."',
            '"I will remember you," said the ' + kind + ".",
        )
        first = False
        s.maybe(0.35, "{h} walked on [through rain and wind|until {h.his} shoes had holes|over hills and valleys].")
    s.p()
    s.one(
        "At last {h} came to the place. The {cure} was there, {far}.",
        "After many days, {h} stood there, {far}, and saw the {cure} [shining|in the distance].",
    )
    block = {
        "ant": (
            "But it lay under a heap of a thousand grains of sand.",
            "Then the ant came with all its brothers, and grain by grain they carried the sand away.",
        ),
        "fish": (
            "But the key to the gate lay at the bottom of deep water.",
            "Then the fish came up with the key in its mouth.",
        ),
        "eagle": (
            "But it was up on a rock so high that nobody could climb it.",
            "Then the eagle came, took {h} on its back, and flew up to the top.",
        ),
        "bear": (
            "But a great stone blocked the way.",
            "Then the bear came and rolled the stone away as if it were a ball.",
        ),
        "fox": (
            "But the path went through a maze, and {h} lost {h.his} way.",
            "Then the fox came and showed {h.him} the right path.",
        ),
        "bee": (
            "But there were a hundred boxes, and it was only in one of them.",
            "Then the bee came and sat down on the right one.",
        ),
        "mouse": (
            "But it was locked in an iron cage.",
            "Then the mouse slipped in between the bars and brought it out.",
        ),
        "wolf": (
            "But an angry guard stood at the gate.",
            "Then the wolf came and howled so loudly that the guard ran away.",
        ),
        "horse": (
            "But a deep ditch went all around it.",
            "Then the horse came and jumped over it with {h} on its back.",
        ),
        "swan": ("But there was a wide lake in between.", "Then the swan came and carried {h} over the water."),
        "raven": (
            "But the door opened only to one who knew the secret word.",
            "Then the raven flew down and whispered the word into {h}'s ear.",
        ),
        "deer": (
            "But the forest was so thick that nobody could get through.",
            "Then the deer came and made a path with its strong horns.",
        ),
    }
    k, kind = s.rng.choice(helpers)
    s(block[kind][0])
    s.one(
        "{h} [sat down and cried|did not know what to do].",
        '"What shall I do now?" {h.he} asked.',
        '"If only someone could help me!" said {h}.',
    )
    s(block[kind][1])
    s.one(
        "{h} took the {cure} and thanked [{h.his} friend|the " + kind + "] with all {h.his} heart.",
        '"You helped me, and now I have helped you," said the ' + kind + ".",
    )
    s.p()
    s.one(
        "{h} ran all the way home. {m} was very weak, but {h} gave {m.him} the {cure}.",
        "Three days later, {h} was home again and gave the {cure} to {m}.",
    )
    s.one(
        'At once {m} opened {m.his} eyes and smiled. "I feel better already," {m.he} said.',
        "The color came back to {m.his} face, and by evening {m.he} was well again.",
    )
    s.one(
        "Everyone was {#happy}, and there was a big feast with {#food} and {#cake}.",
        "{m} hugged {h} and would not let {h.him} go.",
    )
    ending(
        s,
        "Those who help others will find help when they need it.",
        "{h} had gone to the end of the world and come back again, all because of love.",
    )


def practice(s):
    skill, verb, fail, done = s.rng.choice(
        [
            ("swim", "swim", "went under and swallowed a lot of water", "swam all the way across the pond"),
            (
                "play the flute",
                "play the flute",
                "made a sound like an angry goose",
                "played a song so sweet that everyone stopped to listen",
            ),
            ("ride a bicycle", "ride a bicycle", "fell into the bushes", "rode down the whole street without falling"),
            ("read", "read", "mixed up all the letters", "read a whole story out loud"),
            ("skate", "skate", "sat down hard on the ice", "made a perfect circle on the ice"),
            ("whistle", "whistle", "blew only air", "whistled a merry tune"),
            (
                "bake bread",
                "bake bread",
                "made bread as hard as a stone",
                "made a loaf so soft that it was gone in a minute",
            ),
            ("juggle", "juggle", "dropped every ball on {h.his} head", "kept three balls in the air at once"),
            ("dance", "dance", "tripped over {h.his} own feet", "danced like a leaf in the wind"),
            ("paint", "paint", "made a big brown mess", "painted a picture that made everyone smile"),
            ("climb the tall tree", "climb the tall tree", "slid down again", "sat on the highest branch and waved"),
            ("fly a kite", "fly a kite", "got the string caught in a tree", "made the kite dance high above the roofs"),
            ("tie a knot", "tie a knot", "ended up with {h.his} fingers stuck", "tied the best knot of all"),
        ]
    )
    s.meta["about"] = "learning to " + skill
    s.meta["does"] = "learns to " + skill
    s.bind(verb=verb, fail=fail, done=done)
    friend(s)
    opening(s)
    meet_friend(s)
    s.p()
    s.one(
        "There was one thing that {h} wanted more than anything. {h.he} wanted to learn to {verb}.",
        "All of {h}'s friends could {verb}, but {h} could not.",
        '{#day}, {h} saw someone {verb}. "I want to do that, too!" {h.he} said.',
    )
    s.one(
        "{h} tried, but {h.he} {fail}.",
        "The first time, {h.he} {fail}.",
        '"It looks easy," {h} said. But {h.he} {fail}.',
    )
    s.one(
        "{h} tried again, and again it went wrong.",
        "{h} tried once more, but it was no better.",
        "The second time was even worse.",
    )
    s.one(
        '"I will never learn it!" {h.he} cried.',
        "The others giggled, and {h} [ran away|felt {#sad}].",
        '"I give up," {h.he} said and sat down {#spot}.',
    )
    s.p()
    if s.rng.random() < 0.5:
        wise(s, "w")
        s.one(
            '{w.a} had watched {h.him}. "Do you know how often I fell before I could do anything well?" asked {w}. "[A hundred times|More times than I can count]."',
            '"Nobody can do it the first time," said {w.a}. "Try a little every day."',
        )
    else:
        s.one(
            '{m} sat down beside {h.him}. "When I was little, I could not do it either," {m} said. "[You only need to practice|A little every day, and one day you will be able to do it]."',
            '"You are not bad at it," said {f}. "You are just new at it. I will help you."',
        )
    s.one(
        "So {h} practiced every day, [in the morning and in the evening|even when it rained|when nobody was looking].",
        "From that day on, {h} tried again and again. Every day it went a little better.",
        "{h} did not want to give up after all. {h.he} practiced [for a week|all summer|until {h.he} was tired].",
    )
    s.one(
        "Sometimes {h.he} wanted to stop, but then {h.he} remembered what {h.he} had heard.",
        "It was hard work, but {h} also began to [like it|laugh about {h.his} mistakes].",
    )
    s.p()
    s.one(
        "Then came the big day. Everyone was there to watch. {h} took a deep breath and {done}.",
        "And one morning, it happened. {h} {done}!",
        "At the end of the {#season}, {h} tried once more. {h.he} {done}!",
    )
    s.one(
        '"I did it!" {h.he} shouted. "I can {verb}!"',
        'Everybody clapped. "Bravo, {h}!" called {f}.',
        '{m} clapped {m.his} hands. "I knew you could do it," {m.he} said.',
    )
    s.maybe(0.4, 'A little later, {h} saw someone small who could not {verb}. "Come," said {h}, "I will show you."')
    ending(
        s,
        "{h} learned that nobody is a master on the first day.",
        "If you do not give up, you can learn almost anything.",
        together=True,
    )


def trick(s):
    s.meta["about"] = "a clever trick"
    kind = s.rng.choice(["fox", "wolf", "cat", "crow", "weasel", "bear", "robber"])
    s.meta["does"] = "meets a hungry " + kind
    bind_character(s, "v", None, kind, "m", False)
    s.bind(
        **{
            "v.a": "a [hungry|sly|greedy|big] " + kind,
            "food": "[{#cake}|basket of {#fruits}|piece of cheese|pot of honey|bag of nuts|loaf of bread]",
        }
    )
    opening(s)
    s.p()
    s.one(
        "{#day}, {h} was walking through the woods with a {food} for {m}.",
        "{#day}, {m} gave {h} a {food} to carry to {h.his} sick aunt.",
        "{#day}, {h} was carrying a {food} home from the market.",
    )
    s.one(
        'Suddenly {v.a} stepped out from behind a tree. "Give me that {food}," he said, "or I will eat you up!"',
        'On the bridge stood {v.a}. "Nobody gets past me," he said. "Give me your {food}!"',
        'Then {v.a} came along. "What a {#nice} {food}," he said. "Let me hold it for you." But {h} saw his greedy eyes.',
    )
    s.one(
        "{h} was {#scared}, but {h.he} thought quickly.",
        "{h} was small, but {h.he} was also clever.",
        "{h} knew that {h.he} could not run fast enough. So {h.he} had to be clever.",
    )
    s.p()
    t = s.rng.choice(
        [
            (
                '"Of course," said {h}. "But the biggest one is down there in the well. Look!"',
                '{v} bent over the well and saw the moon in the water. "That is a big cheese!" he cried and jumped in. Splash!',
            ),
            (
                '"You can have it," said {h}, "if you can show me how well you sing. I have heard that you have the best voice in the land."',
                "{v} was so proud that he closed his eyes and sang as loudly as he could. When he opened them again, {h} was far away.",
            ),
            (
                '"Gladly," said {h}. "But can you hear that? The hunters and their dogs are coming, and they are looking for you."',
                "{v} turned as white as snow and ran away as fast as his legs could carry him. There were no hunters at all.",
            ),
            (
                '"It tastes better with salt," said {h}. "Close your eyes and count to a hundred, and I will get some."',
                '{v} closed his eyes and began to count. "One, two, three," he said. When he came to a hundred, {h} was already at home.',
            ),
            (
                '"I will give it to you if you can crawl into this bag," said {h}. "But you are surely much too big."',
                '"Ha, that is easy!" said {v} and crawled in. At once {h} tied up the bag and walked away whistling.',
            ),
            (
                '"Take it," said {h}. "But my big brother made it, and he is as tall as a house. Do you hear his steps?" Just then, there was thunder in the hills.',
                "{v} thought that it was the big brother. He jumped into the bushes and was never seen again.",
            ),
            (
                '"Let us make a bet," said {h}. "If you can stand on one leg longer than I can, it is yours."',
                "{v} lifted one leg and looked very serious. He looked so hard at his own foot that he did not see {h} slip away between the trees.",
            ),
        ]
    )
    s(*t)
    s.one(
        "{h} laughed all the way home.",
        '"That was close," said {h} and ran home.',
        "{h} did not look back until {h.he} was safe.",
    )
    s.p()
    s.one(
        'At home, {h} told {m} what had happened. "You have a good head on your shoulders," said {m}, and they ate the {food} together.',
        '"You were very clever," said {m} and gave {h} [a kiss|the biggest piece].',
    )
    s.maybe(
        0.4,
        "And {v}? He sat in the woods, hungry and cross, and he never [troubled|bothered] {h} again.",
        "The next time {v} saw {h}, he ran the other way.",
    )
    ending(
        s,
        "A clever head is better than strong arms.",
        "{h} learned to think first when {h.he} was afraid.",
        "You do not have to be big to be clever.",
    )


def treasure(s):
    friend(s)
    s.meta["about"] = "a treasure map"
    s.meta["does"] = "finds a treasure map"
    opening(s)
    s.p()
    s.one(
        "{#day}, {h} and {h.his} friend {f} found an old map [in a bottle on the beach|in the attic|inside an old book|under a loose stone]. There was a big red cross on it.",
        '{#day}, {h} found a piece of paper {#spot}. "Look, {f}!" {h.he} said to {h.his} friend. "It is a treasure map!"',
    )
    s.one('"Let us find the treasure!" said {f}.', '"Maybe it is gold," said {f}. "[Or jewels!|Or a crown!]" said {h}.')
    s.one(
        "They packed [bread and cheese|a rope and a lamp|two shovels|some {#fruits}] and set out [at once|early in the morning]."
    )
    s.p()
    steps = s.rng.sample(
        [
            "First they had to cross [a river|a wide stream]. The bridge was gone, so they [built a raft|jumped from stone to stone].",
            'The map led them [through|into] a dark cave. "Hold my hand," said {h}. Drip, drip, drip went the water, but they were not afraid.',
            'They climbed a steep hill. {f} [wanted to turn back|was out of breath], but {h} said, "We are almost there."',
            'In the forest, they lost the path. "Let us follow the {#bird}," said {f}, and soon they found it again.',
            "Then it began to rain. They sat under a {#tree}, ate their bread, and waited for the sun.",
            'They met {w.a} who guarded the road. "What has [roots that nobody sees|a bed but never sleeps|hands but cannot hold]?" {w.he} asked. They thought hard.',
        ],
        3,
    )
    wise(s, "w")
    riddle = None
    for st in steps:
        if "guarded" in st:
            riddle = s.rng.choice(
                [
                    ("What has a bed but never sleeps?", "A river"),
                    ("What has hands but cannot hold anything?", "A clock"),
                    ("What has teeth but cannot bite?", "A comb"),
                    ("What gets wetter the more it dries?", "A towel"),
                    ("What has a neck but no head?", "A bottle"),
                    ("What is full of holes and still holds water?", "A sponge"),
                    ("What goes up but never comes down?", "Your age"),
                ]
            )
            s(
                'They met {w.a} who guarded the road. "[Answer my riddle|First you must answer a riddle]," {w.he} said. "'
                + riddle[0]
                + '"'
            )
            s(
                '[They thought and thought.|{h} and {f} whispered together.] "'
                + riddle[1]
                + '!" said [{h}|{f}] at last. "That is right," said {w}. "You may pass."'
            )
        else:
            s(st)
    s.p()
    s.one(
        "At last they came to the place with the red cross. They dug and dug until the shovel hit something hard.",
        "And there it was, the [big rock|old tree|tall tower] from the map! They dug as fast as they could.",
    )
    s.one(
        "It was an old [wooden|iron] box. {h} opened it slowly. Inside, there was",
        "They pulled out a [dusty|heavy] chest and lifted the lid. Inside was",
    )
    tr = s.rng.choice(
        [
            (
                "no gold at all, but a letter.",
                '"Dear finder," it said, "the real treasure is the friend who came with you." {h} and {f} looked at each other and laughed.',
            ),
            (
                "a small bag of seeds and a note.",
                '"Plant these," said the note. They did, and next spring the whole hill was covered with {#flowers} of every color.',
            ),
            (
                "a pile of golden coins!",
                '"Now we are rich!" cried {f}. They gave most of it to [the poor people of the village|build a new school|those who had nothing], and with the rest they bought {#cake} for everyone.',
            ),
            (
                "a box of old toys.",
                "A child had put them there a hundred years ago. {h} and {f} cleaned them and gave them to children who had none.",
            ),
            (
                "a {#color} egg.",
                '{h} kept it warm, and after a week a little [dragon|bird|turtle] came out of it and said, "Mama!"',
            ),
            ("a silver flute.", "When {h} played it, all the birds of the forest came and sang along."),
            (
                "a book of stories.",
                "They took it home, and every evening {h} and {f} read one of them together. There were a thousand of them.",
            ),
        ]
    )
    s.paragraphs[-1][-1] += " " + s.expand(tr[0])
    s.paragraphs[-1][-1] = tidy(s.paragraphs[-1][-1])
    s(tr[1])
    s.p()
    s.one(
        'When they came home, it was already dark. "Where have you been?" asked {m}. "On a great adventure," said {h}.',
        "They went home, {#tired} but {#happy}.",
    )
    ending(
        s,
        "The best treasure is a good friend.",
        "They hung the map on the wall so that they would never forget.",
        '"And tomorrow we will find another one," said {f}.',
        together=True,
    )


def soup(s):
    s.meta["about"] = "a big pot of soup"
    s.meta["does"] = "cooks for everyone"
    opening(s)
    s.bind(dish="[soup|stew|pie|cake|pudding]")
    dish = s.ctx["dish"]
    ing = {
        "soup": ["carrots", "onions", "potatoes", "salt", "beans", "cabbage"],
        "stew": ["potatoes", "mushrooms", "carrots", "herbs", "turnips", "salt"],
        "pie": ["apples", "butter", "flour", "sugar", "cinnamon", "eggs"],
        "cake": ["eggs", "milk", "sugar", "butter", "flour", "honey"],
        "pudding": ["milk", "sugar", "plums", "flour", "nuts", "honey"],
    }[dish]
    need = s.rng.sample(ing, 3)
    s.p()
    s.one(
        "{#day}, {h} wanted to make a {dish}. But when {h.he} looked in the kitchen, there was [almost nothing|almost nothing there].",
        'It was a cold day, and {h} was hungry. "I will make a {dish}," {h.he} said. But the cupboard was empty.',
        "{m} was coming home from a long trip, and {h} wanted to surprise {m.him} with a {dish}.",
    )
    for i, n in enumerate(need):
        if i == 0:
            animal(s, "n0")
            s.one(
                "{h} needed "
                + n
                + ', so {h.he} went to {n0}, {n0.a} who lived next door. "May I have some '
                + n
                + '?" {h.he} asked.',
                '"I need ' + n + '," said {h}, and {h.he} knocked at the door of {n0}, {n0.a}.',
            )
            s.one(
                '"Yes," said {n0}, "if I may have some of the {dish}." "Of course!" said {h}.',
                '"Here you are," said {n0}. "What are you going to make?" "A {dish}," said {h}. "Come and eat with me tonight!"',
            )
        elif i == 1:
            animal(s, "n1")
            s.one(
                "But {h.he} also needed " + n + ". {n1}, {n1.a}, had a whole [bag|basket] of it."
                if n in ("salt", "sugar", "flour", "butter", "milk", "cabbage", "honey", "cinnamon")
                else "But {h.he} also needed " + n + ". {n1}, {n1.a}, had a whole basket of them."
            )
            s.one(
                '"Take as much as you like," {n1.he} said, "and may I come, too?" "Yes, please come," said {h}.',
                (
                    '"I will bring it myself," said {n1}. "I am so tired of eating alone."'
                    if n in ("salt", "sugar", "flour", "butter", "milk", "cabbage", "honey", "cinnamon")
                    else '"I will bring them myself," said {n1}. "I am so tired of eating alone."'
                ),
            )
        else:
            wise(s, "n2")
            s.one(
                "Last of all, {h} needed "
                + n
                + '. {n2.a} heard it and said, "I have some left from last year. Take it, my child."',
                "Now only the "
                + n
                + (
                    " was"
                    if n in ("salt", "sugar", "flour", "butter", "milk", "cabbage", "honey", "cinnamon")
                    else " were"
                )
                + ' missing. "I can help you with that," said {n2.a}.',
            )
    s.p()
    s.one(
        "Then {h} began to cook. {h.he} [cut and stirred|mixed and stirred], and soon the whole house smelled [good|wonderful].",
        "{h} put everything together and stirred and stirred. [It smelled so good that the birds came to the window.|Soon it was ready.]",
    )
    s.maybe(
        0.4,
        (
            "But {h} put in too much pepper, and {h.he} sneezed so hard that the pot jumped. Everyone laughed."
            if dish in ("soup", "stew")
            else "There was flour on {h.his} nose and flour on the floor, and everyone laughed."
        ),
    )
    s.one(
        "In the evening, they all came, {n0} and {n1} and {n2}. They brought [candles|chairs|songs and stories], and the little room was full.",
        "Knock, knock! There were {n0} and {n1} and {n2}, all with hungry faces.",
    )
    s.one(
        "There was only a little for each of them, but it was the best {dish} they had ever eaten.",
        "Everyone got a big piece." if dish in ("pie", "cake", "pudding") else "Everyone got a full bowl.",
        (
            "They ate until the last crumb was gone."
            if dish in ("pie", "cake", "pudding")
            else "They ate until the pot was empty."
        ),
    )
    s.one(
        '"Alone I had nothing," said {h}, "but together we have a feast."',
        '"We should do this every week," said {n1}. And so they did.',
    )
    ending(
        s,
        "When everyone gives a little, there is enough for all.",
        "{h} learned that a meal is best when you share it.",
    )


def stuck_kite(s):
    friend(s)
    s.bind(thing="[kite|ball|hat|balloon|paper plane|scarf|kitten]")
    s.meta["about"] = "a " + s.ctx["thing"] + " in a tree"
    s.meta["does"] = "needs help"
    opening(s)
    meet_friend(s)
    s.p()
    (
        s.one(
            "{#day}, the wind was strong. {h} and {f} were playing outside when the wind took {h}'s {thing} and carried it up into a tall {#tree}.",
            "{#day}, {h}'s {thing} got stuck at the top of a tall {#tree}.",
        )
        if s.ctx["thing"] != "kitten"
        else s(
            "{#day}, {h} and {f} heard a soft meow. {h}'s {thing} had climbed up a tall {#tree} and could not come down."
        )
    )
    s.one('"Oh no, my {thing}!" cried {h}.', "{h} jumped as high as {h.he} could, but the branch was too high.")
    s.one(
        (
            '"Let me try," said {f}. {f.he} [threw a stick|shook the tree], but nothing happened.'
            if s.ctx["thing"] != "kitten"
            else '"Let me try," said {f}. {f.he} called and called, but nothing happened.'
        ),
        "First they tried to climb the tree, but the trunk was too smooth.",
    )
    s.one(
        "Then they [brought a ladder|stood on a box], but it was too short.",
        "Then {f} stood on {h}'s shoulders. They wobbled to the left, they wobbled to the right, and bump, they fell into the grass.",
    )
    s.p()
    big = fresh(s, ["elephant", "giraffe", "horse", "bear", "moose"])
    bind_character(s, "b", None, big, "m", False)
    tiny = fresh(s, ["squirrel", "mouse", "sparrow", "monkey", "chipmunk"])
    bind_character(s, "t", None, tiny, "f", False)
    s.one(
        "A big "
        + big
        + ' came by. "I am strong," he said. "I will push the tree." He pushed and pushed, but the tree did not move.',
        '"I am the tallest," said a ' + big + " and stretched his neck. But even he could not reach it.",
    )
    s.one(
        '"May I try?" asked a small voice. It was a tiny '
        + tiny
        + ". The "
        + big
        + ' laughed. "You? You are much too small!"',
        "Then a little " + tiny + ' said, "I can do it." "You are too small," said the ' + big + ".",
    )
    s.one(
        "But the "
        + tiny
        + " was already [on her way up|at the top]. She [pulled here and pulled there|pulled a little], and down came the {thing}, right into {h}'s arms!",
        "Up she went, quick as the wind, from branch to branch. In a moment the {thing} was free, and {h} had it back.",
    )
    s.p()
    s.one(
        '"Hooray!" shouted {h} and {f}. "Thank you, little ' + tiny + '!"',
        '"You are small, but you are the greatest helper of all," said {h}.',
    )
    s.one(
        '"I am sorry that I laughed," said the ' + big + ".",
        "The " + big + ' bowed his head. "Today I learned something," he said.',
    )
    s.one(
        "Then they all played together until the sun went down.",
        "And because everyone was hungry, {m} gave them all some {#food}.",
    )
    ending(
        s,
        "Even the smallest can do great things.",
        "{h} learned that you should never laugh at someone because they are small.",
        together=True,
    )


def princess(s):
    sex = s.rng.choice("fm")
    ruler = s.rng.choice(["king", "queen"])
    bind_character(s, "k", None, ruler, "f" if ruler == "queen" else "m", True)
    title = "princess" if sex == "f" else "prince"
    child(s, "q", sex=sex)
    s.bind(
        title=title,
        trouble="[never laughed|could not sleep|did not want to eat|was always bored|had not said a word for a year|was always sad]",
    )
    t = s.ctx["trouble"]
    s.meta["about"] = "a " + title + " who " + t
    s.meta["does"] = "helps a " + title
    s.one(
        "Once upon a time, there was a {k.kind} who had [everything|a big castle with a hundred rooms|only one child]. But the {title}, whose name was {q}, {trouble}.",
        "Long ago, in a castle [on a hill|by the sea|of white stone], there lived a {title} named {q} who {trouble}.",
        "Once upon a time, there was a {title} named {q}. {q.he} lived in a great castle, but {q.he} {trouble}.",
        "There was once a {title} called {q} who {trouble}. The {k.kind} did not know what to do.",
    )
    s.one(
        "The {k.kind} called the best doctors in the land, but nobody could help.",
        (
            "The {k.kind} bought {q.him} {#color} dresses and golden toys, but it did not help."
            if sex == "f"
            else "The {k.kind} bought {q.him} a white horse and golden toys, but it did not help."
        ),
    )
    s.one(
        'At last the {k.kind} said, "Whoever can help my {q.son} shall have [a bag of gold|a wish|half of my kingdom]."',
        "So the {k.kind} made it known in all the land that whoever helped {q} would get a great reward.",
    )
    s.p()
    s.one(
        "Many people came. One stood on his head, and one brought a dancing bear. Nothing helped.",
        "A rich man came with jewels, and a wise man came with a hundred books, but it was no use.",
        "Clowns came, and singers, and magicians, but the {title} only turned away.",
    )
    s.one(
        "In the same land lived {h.a} named {h}. {h} had no money, but {h.he} had a good heart.",
        "Then came {h}, {h.a} from a small village. The guards laughed at {h.his} old bag.",
    )
    s.one(
        '"What do you want here?" asked the {k.kind}. "I would like to talk to {q}," said {h}.',
        "{h} bowed to the {k.kind} and sat down beside the {title}.",
    )
    s.p()
    if t == "never laughed" or t == "was always sad" or t == "was always bored":
        s.one(
            "{h} did not tell jokes. {h.he} took {q} by the hand and led {q.him} out into the garden. They climbed trees and got their clothes dirty, and they fell into the pond with a splash. And then {q} began to laugh, and {q.he} could not stop.",
            "Just then, {h} stepped on a [bucket|banana peel|cat], flew through the air, and landed in a big cake. There was cream on {h.his} ears. {q} looked at {h.him}, and then {q.he} laughed so loudly that the windows shook.",
        )
        s.one(
            '"I have so many toys," said {q}, "but I never had a friend to play with."',
            '"Nobody ever asked me to play," said {q}. "They only brought me things."',
        )
    elif t == "could not sleep":
        s.one(
            '"What do you see when you look out of the window at night?" asked {h}. "Nothing," said {q}. "There is a curtain." {h} opened the curtain, and they looked at the stars and counted them, one by one. At a hundred and seven, {q} was asleep.',
            '{h} looked at the big bed with twenty pillows. "It is too big and too lonely," {h.he} said, and gave {q} {h.his} old rag doll and told {q.him} a story. Before the story was over, {q} was asleep.',
        )
    elif t == "did not want to eat":
        s.one(
            '"Come with me," said {h}. All day, they worked in the fields, carried water, and ran with the goats. In the evening, {h} gave {q} a piece of bread. "This is the best thing I ever ate!" said {q}.',
            '{h} took {q} down to the kitchen. "Today you will cook," {h.he} said. They made {#food} together, and {q} ate three plates of it, because {q.he} had made it {q.self}.',
        )
    else:
        s.one(
            '{h} did not ask any questions. {h.he} only sat there and began to tell a story, and at the best part {h.he} stopped and got up. "And what happened then?" cried {q}. Those were {q.his} first words in a year!',
            '{h} gave {q} a little bird in a basket. "It has no name yet," {h.he} said. "It is waiting for you to give it one." {q} looked at the bird for a long time. '
            + 'Then {q.he} opened {q.his} mouth and said, "Sunny. Its name is Sunny."',
        )
    s.p()
    s.one(
        'The {k.kind} was {#happy}. "You may ask for anything," said the {k.kind}.',
        "The {k.kind} wept for joy and gave {h} the reward.",
    )
    s.one(
        '"I do not need gold," said {h}. "I would like to come and visit {q} [every week|every day]."',
        "{h} took [one gold coin|the gold] home to {m}, and they were never hungry again.",
    )
    s.bind(f="{q}")
    ending(
        s,
        "Gold cannot buy a friend.",
        "And {q} and {h} stayed friends, in the castle and in the village.",
        together=True,
    )


def bedtime(s):
    s.meta["about"] = "going to sleep"
    s.meta["does"] = "cannot sleep"
    opening(s)
    s.p()
    s.one(
        "One night, {h} could not sleep. {h.he} turned to the left, and {h.he} turned to the right.",
        "It was late, but {h} was wide awake.",
        '"I am not tired at all," said {h} when it was time for bed.',
    )
    s.one('"{papa}, I can\'t sleep," {h.he} called.', '{h} got up and went to {m}. "I can\'t sleep," {h.he} said.')
    ideas = s.rng.sample(
        [
            ('"Drink some {#drink}," said {m}. {h} drank it to the last drop, but {h.he} was still awake.'),
            ('"Count the [sheep|stars]," said {m}. {h} counted to a hundred, but {h.he} was still awake.'),
            ('"Think of something nice," said {m}. {h} thought of {#cake} and became hungry.'),
            ('"Close your eyes," said {m}. {h} closed {h.his} eyes, but they opened again all by themselves.'),
            ('"Listen to the [rain|wind|crickets]," said {m}. {h} listened, but it only made {h.him} curious.'),
            ('"Hug your [bear|doll|blanket]," said {m}. {h} hugged it tight, but sleep did not come.'),
        ],
        3,
    )
    s(ideas[0], ideas[1])
    s.maybe(0.6, ideas[2])
    s.p()
    s.one(
        '{h} looked out of the window. The moon was big and round. "Can\'t you sleep either?" {h} asked the moon.',
        "Then {h} heard a soft sound. a little owl sat on the branch outside.",
        "Outside, a small star blinked. It looked lonely.",
    )
    s.one(
        '"Everyone is sleeping now," said {m} and sat down on the bed. "The {#bird} is sleeping in its nest, and the fish are sleeping in the river. The flowers have closed their eyes."',
        "{m} sat down beside {h.him} and began to tell a story. It was about a little boat that sailed across the sky, past the moon, and far away to the land of dreams.",
        "{m} began to hum an old song, the one that {m.his} own mother had sung.",
    )
    s.one(
        '"And the [bears|rabbits]?" asked {h}. "They are asleep, too," {m} said. "And the wind?" "The wind is very tired and lies down in the grass."',
        '"Will you stay here?" asked {h}. "I will stay until you are asleep," said {m}.',
    )
    s.one(
        "{h}'s eyes became heavy. {h.he} yawned once, and then again.",
        "{h} wanted to ask one more question, but {h.he} could not remember what it was.",
    )
    s.p()
    s.one(
        '"Good night, {h}," whispered {m}. But {h} did not hear it. {h.he} was already asleep.',
        "When {m} looked again, {h} was fast asleep, and the moon smiled through the window.",
        "And before the night was half over, {h} was dreaming.",
    )
    s.one(
        "Good night, {h}.",
        "And outside, the stars kept watch until morning.",
        "Sleep well, little {h.child}.",
        "The end.",
    )


def two_paths(s):
    """A disobeyed warning and its small punishment."""
    friend(s)
    s.bind(
        rule="[never open the blue door|never touch the old clock|never pick the red mushrooms|never go out on the thin ice|never eat the berries by the gate|never open the little box|never wake the sleeping dog]"
    )
    rule = s.ctx["rule"].replace("never ", "")
    s.meta["about"] = "a promise"
    s.meta["does"] = "breaks a promise"
    s.bind(act=rule)
    results = {
        "open the blue door": (
            "Behind the door was a room full of [feathers|soap bubbles|mice], and they all came out and filled the whole house",
            "catch them all",
        ),
        "touch the old clock": (
            "The clock began to ring and would not stop, and all the neighbors came running",
            "put it right",
        ),
        "pick the red mushrooms": (
            "At once {h.his} nose turned as red as the mushrooms and began to itch",
            "wash it with water from the spring",
        ),
        "go out on the thin ice": (
            "Crack! The ice broke, and {h} fell into the cold water up to {h.his} neck",
            "pull {h.him} out with a long branch",
        ),
        "eat the berries by the gate": (
            "Soon {h.his} tongue was blue and {h.his} tummy made strange noises",
            "make a bitter tea",
        ),
        "open the little box": (
            "A swarm of tiny {#color} moths flew out and ate holes in all the coats",
            "get them back into the box",
        ),
        "wake the sleeping dog": (
            "The dog jumped up and chased {h} three times around the house and up into a tree",
            "call the dog back",
        ),
    }
    opening(s)
    meet_friend(s)
    s.p()
    s.one(
        '"You may do anything you like," {m} always said, "but {rule}."',
        '{m} had only one rule. "{rule}," {m.he} said.',
        '{#day}, {m} had to go away for the day. "Be good," {m} said, "and {rule}. Promise me!"',
    )
    s.one('"I promise," said {h}.', "{h} promised.")
    s.one(
        'But {h} was curious. "Why not?" {h.he} wondered. "It can\'t be so bad."',
        "But when {h} was alone, {h.he} could think of nothing else.",
        '"Just once," said {f}. "Nobody will know."',
    )
    s.one(
        "At last {h} could not wait any longer. {h.he} looked around, and then {h.he} did what {h.he} had promised not to do.",
        "{h} tried to play, but after a while {h.he} forgot {h.his} promise.",
    )
    s.p()
    s(results[rule][0] + ".")
    s.one(
        '"Help!" cried {h}. "What have I done?"',
        '{h} was {#scared}. "I should have listened," {h.he} said.',
        "Now {h} was sorry, but it was too late.",
    )
    s.one("Luckily, {m} came home just then.", "{f} ran to get {m}.", "{h} called for {m} as loudly as {h.he} could.")
    s("It took [a long time|the whole evening|an hour] to " + results[rule][1] + ".")
    s.one(
        '{m} was not angry. "Now you know why I told you," {m.he} said.',
        '"I am sorry that I broke my promise," said {h}. "[I know|I forgive you]," said {m}, "and I hope you learned something."',
    )
    ending(
        s,
        "From then on, when {h} made a promise, {h.he} kept it.",
        "{h} learned that some rules are there to keep us safe.",
        "And {h} never did it again.",
    )


def snowman(s):
    friend(s)
    s.meta["about"] = "a snowman"
    s.meta["does"] = "builds a snowman"
    s.bind(name="[Frosty|Mister Snow|Snowball|Carrot|Old White|Flake|Button]")
    opening(s)
    s.p()
    s.one(
        'One winter morning, {h} looked out of the window. Everything was white! "Snow!" {h.he} shouted.',
        "It had snowed all night. In the morning, {h} ran outside.",
    )
    s.one(
        "{h} and {h.his} friend {f} built a big snowman. They gave him a carrot for a nose, two [stones|buttons|nuts] for eyes, and an old [hat|scarf|pot].",
        "Together with {f}, {h.his} best friend, {h.he} rolled a big ball, a middle ball, and a small ball of snow. Soon they had a snowman with a [hat|broom|red scarf].",
    )
    s.one('"Let us call him {name}," said {f}.', '"His name is {name}," said {h}.')
    s.one(
        'That night, {h} heard somebody call. It was {name}! "I am so lonely out here," he said. "Will you talk to me?"',
        'When the moon came up, something wonderful happened. {name} [blinked|moved his arms] and said, "Good evening!"',
    )
    s.p()
    s.one(
        "{h} put on {h.his} warm coat and went out. {name} told {h.him} about [the clouds he had come from|the far north|the snow queen].",
        "{h} could not believe it. {name} and {h} danced in the moonlight, and {name} told {h.him} stories of the north wind.",
    )
    s.one(
        '"Come inside where it is warm," said {h}. "No," said {name}, "a warm room is not good for me. But I would like to see a [flower|butterfly|summer day] once."',
        "Every night they talked, and every night {h} was {#happy}.",
    )
    s.one(
        "But the sun grew warmer every day, and {name} became smaller and smaller. {h} was {#sad}.",
        'Then spring came. "I have to go now," said {name}.',
    )
    s.one(
        '"Do not cry," said {name}. "I will turn into water, and the water will make the flowers grow. And next winter, I will come back."',
        '"I am not really going away," said {name}. "I will be in the river and in the rain, and in winter I will be snow again."',
    )
    s.p()
    s.one(
        "The next morning, there was only a hat in a puddle. But where {name} had stood, {#flowers} [began to grow|came out of the ground].",
        "In spring, {#flowers} grew where he had stood, the most beautiful in the whole garden.",
    )
    s.one(
        'And when the first snow fell again, {h} and {f} ran outside. "Welcome back, {name}!" they called.',
        "{h} waited all year, and on the first day of winter, {h.he} and {f} built {name} again.",
    )
    ending(s, "{h} knew that good friends always come back.", together=True)


def boat(s):
    friend(s)
    animal(s, "z", kind=s.rng.choice(["whale", "dolphin", "seal", "turtle", "seagull", "pelican"]))
    s.meta["about"] = "a boat"
    s.meta["does"] = "goes out in a boat"
    s.bind(
        boat="[little {#color} boat|small boat|raft made of logs|boat made from an old tub]",
        isle="[island|tiny island|green island]",
    )
    opening(s)
    s.p()
    s.one(
        "{#day}, {h} and {h.his} friend {f} built a {boat}.",
        "{h} had a {boat}. {#day}, {h.he} and {h.his} friend {f} went out on the water.",
    )
    s.one(
        '"Let us sail to the {isle}," said {f}.',
        '"Today we are sailors!" said {h}. "I am the captain." "Then I am the [cook|pilot]," said {f}.',
    )
    s.one(
        "The wind was good, and the {boat} went over the waves [like a bird|up and down, up and down].",
        "The water was as smooth as glass, and the sun shone.",
    )
    s.one(
        "But then the wind [stopped|turned], and a thick fog came over the water. They could not see the shore any more.",
        "But suddenly, the {boat} hit a stone, and water came in through a hole.",
        "But after a while, big waves came and washed the oars away.",
    )
    s.one(
        '"What do we do now?" asked {f} in a small voice.',
        '"Help!" they called, but there was nobody far and wide.',
        '"Do not be afraid," said {h}, although {h.he} was {#scared}, too.',
    )
    s.p()
    s.one(
        'Then something came up beside the boat. It was {z.a}. "My name is {z}," {z.he} said. "You are far from home."',
        'Just then, they heard a friendly voice. "Do you need help?" It was {z}, {z.a}.',
    )
    s.one(
        '"Please show us the way home," said {h}. "Hold on tight," said {z}.',
        '"Throw me your rope," said {z}, "and I will pull you."',
    )
    s.one(
        "And {z} pulled the boat through the waves until they saw the [shore|lighthouse|little harbor].",
        "{z} went ahead, and they followed, and soon they saw the light of the harbor.",
    )
    s.maybe(
        0.5,
        "On the way, {z} showed them the [coral|sunken ship|silver fish] deep down in the water.",
        "On the way, {z} told them about [pirates|the deep sea|an old shipwreck].",
    )
    s.p()
    s.one(
        '{m} stood on the shore and waved. "Thank goodness you are back!" {m.he} called.',
        "When they stepped on land, {m} was already waiting with {#drink} and warm blankets.",
    )
    s.one(
        '"Thank you, {z}!" called {h} and {f}. "Come and see us again!"',
        "{h} gave {z} [a ribbon|a song|{h.his} lunch] to say thank you.",
    )
    ending(
        s,
        "After that, {h} and {f} always looked at the sky before they went out on the water.",
        "And sometimes, in the evening, {h} could see {z} far out on the water and waved.",
        together=True,
    )


PLOTS = (
    lost_thing,
    lost_way,
    sharing,
    brave,
    hurt_animal,
    birthday,
    race,
    honest,
    wishes,
    seed,
    storm,
    noise,
    newcomer,
    monster,
    quest,
    practice,
    trick,
    treasure,
    soup,
    stuck_kite,
    princess,
    bedtime,
    two_paths,
    snowman,
    boat,
)

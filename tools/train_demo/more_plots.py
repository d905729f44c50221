# SPDX-License-Identifier: Apache-2.0
"""More plot skeletons, in the same form as plots.py."""

from cast import animal, bind_character, child, ending, folk, fresh, friend, meet_friend, opening, side, wise


def star(s):
    """A fallen star wants to go home."""
    friend(s)
    s.meta["about"], s.meta["does"] = "a fallen star", "finds a fallen star"
    opening(s)
    meet_friend(s)
    s.p()
    s.one(
        "One night, {h} saw a bright light fall from the sky. It came down [behind the hill|in the garden|near the pond].",
        "One clear night, a star fell from the sky and landed {#spot}. {h} saw it and ran outside.",
    )
    s.one(
        "There, in the grass, lay a little star. It was no bigger than an apple, and it was crying.",
        "{h} found a tiny star {#spot}. Its light was weak, and it was trembling.",
    )
    s.one(
        '"Why are you crying?" asked {h}. "I leaned over too far to look at the earth, and I fell," said the star. "Now I can\'t get back."',
        '"I want to go home," said the star. "My sisters are waiting for me, but I do not know how to get up there."',
    )
    s.one(
        '{h} picked it up carefully. It was warm, like [a cup of tea|fresh bread|a sleeping kitten]. "I will help you," {h.he} said.',
        '"Do not worry," said {h}. "We will find a way."',
    )
    s.p()
    s.one(
        "The next evening, {h} told {f} about it. First they climbed the highest tree, but the sky was still far away.",
        "{h} went to get {f}. Together they tried to throw the star up, but it always came down again.",
    )
    s.one(
        "Then they tied the star to a kite. The kite flew high, but the string was too short.",
        "Then they asked a {#bird} to carry it. The bird tried, but the star was too hot to hold.",
        "Then they built a ladder out of everything they could find, but it fell over with a crash.",
    )
    s.one(
        "{f} wanted to give up, but {h} looked at the star and thought hard.",
        '"It is no use," said {f}. The star\'s light grew weaker and weaker.',
    )
    way = s.rng.choice(
        [
            (
                'At last {h} had an idea. "Stars shine when they are happy," {h.he} said. "Let us make it happy!" They told it jokes, and they sang and danced.',
                "The star began to laugh. It shone brighter and brighter, it became lighter and lighter, and then it rose up into the sky like a soap bubble.",
            ),
            (
                'Then {h} saw that the moon was shining on the lake. A silver road lay on the water. "That is the way!" {h.he} cried.',
                "They set the star down on the silver road, and it ran along the light, higher and higher, until it was home.",
            ),
            (
                '"The north wind is the strongest of all," said {h}. They went up on the hill and called the wind three times.',
                "The wind came with a roar, took the star in its arms, and carried it home.",
            ),
        ]
    )
    s(*way)
    s.p()
    s.one(
        "Every night after that, one star blinked at {h} before {h.he} went to sleep.",
        '"Thank you!" called the star from far above. "I will always shine for you."',
        "Now whenever {h} looks up, there is one star that shines a little brighter than the others.",
    )
    ending(
        s,
        "{h} learned that even the smallest light is missed when it is gone.",
        "And {h} never felt alone in the dark again.",
        together=True,
    )


def apprentice(s):
    """Work with a master: a mistake turns out well."""
    folk(
        s,
        "e",
        kind=fresh(
            s,
            [
                "baker",
                "tailor",
                "shoemaker",
                "clockmaker",
                "toymaker",
                "potter",
                "painter",
                "candle maker",
                "blacksmith",
                "carpenter",
            ],
        ),
    )
    kind = s.ctx["e.kind"]
    s.bind(e="the " + kind)
    s.meta["about"], s.meta["does"] = "a " + kind, "helps a " + kind
    opening(s)
    make, wrong, result = {
        "baker": (
            "bread",
            "put honey into the dough instead of water",
            "The bread came out golden and sweet, and its smell went down the whole street",
        ),
        "tailor": (
            "coats",
            "cut the cloth into a hundred little pieces",
            "Then {h.he} sewed the pieces together, and it became a coat of a hundred colors",
        ),
        "shoemaker": (
            "shoes",
            "sewed little bells on all the shoes",
            "Wherever the people went in them, there was music",
        ),
        "clockmaker": (
            "clocks",
            "put the hands on backward",
            "The clock ran backward, and all the old people laughed and said that they were growing younger",
        ),
        "toymaker": (
            "toys",
            "gave the wooden horse six legs",
            "But it rocked better than any other horse, and no child ever fell off",
        ),
        "potter": ("pots", "made a hole in the big pot", "When the wind blew over it, the pot sang like a flute"),
        "painter": (
            "pictures",
            "spilled blue paint over the white horse in the picture",
            "A blue horse! Nobody had ever seen anything so beautiful",
        ),
        "candle maker": (
            "candles",
            "dropped rose leaves into the wax",
            "When the candles burned, they smelled like a garden in summer",
        ),
        "blacksmith": ("horseshoes", "bent the iron into a star", "The star rang like a bell when it was struck"),
        "carpenter": (
            "chairs",
            "made one leg too short",
            "The chair rocked gently, and the baby who had cried all day fell asleep in it",
        ),
    }[kind]
    s.bind(make=make)
    s.p()
    s.one(
        (
            "In the same place, there was " + "{e.a}, whose {make} were known all over the land."
            if make != "bread"
            else "In the same place, there was {e.a}, whose bread was known all over the land."
        ),
        '{#day}, {h} went to {e}. "I want to learn to make {make}," {h.he} said.',
    )
    s.one(
        '"You may help me," said {e}, "but you must be careful and do just as I say."',
        "{h} was allowed to help in the shop. {h.he} swept the floor, carried water, and watched with big eyes.",
    )
    s.one(
        "{h} worked hard from morning till night, and {e} was [pleased|content].", "It was hard work, but {h} loved it."
    )
    s.p()
    s.one(
        "Then the [king|queen|mayor] ordered something for the great feast. {e} was very busy and told {h} to finish the work.",
        '{#day}, {e} had to go out. "Finish this while I am away," {e.he} said. "It is for the [king|queen|mayor], so do it well!"',
    )
    s.one(
        "{h} wanted to do it very well, but {h.he} was {#tired}, and so {h.he} " + wrong + ".",
        "But a {#bird} sang outside, and {h} looked up for a moment. And {h.he} " + wrong + ".",
    )
    s.one(
        '"Oh no! What have I done?" cried {h}.',
        'When {h} saw it, {h.he} went pale. "Everything is ruined!" {h.he} said.',
    )
    s.one(
        'When {e} came back, {h} told {e.him} the truth. {e} did not scold. "Let us see what we can make of it," {e.he} said.',
        '{h} wanted to run away, but {h.he} stayed and told {e} what had happened. {e} was silent for a long time. "Well," {e.he} said, "we shall see."',
    )
    s(result + ".")
    s.p()
    s.one(
        'Soon everyone in the land wanted one like it. "Who made this?" they asked. "{h} did," said {e} proudly.',
        'The guests at the feast clapped their hands. {e} put an arm around {h}. "You have learned something that I could not teach you," {e.he} said.',
    )
    s.bind(f="{e}")
    ending(
        s,
        "{h} learned that a mistake can be the beginning of something new.",
        "Many years later, {h} had a shop of {h.his} own, and people came from far and wide.",
    )


def detective(s):
    """Something disappears every night; the thief has a reason."""
    friend(s)
    s.bind(loot="[carrots|eggs|apples|cookies|socks|spoons|flowerpots|buttons|cabbages|candles]")
    thief = s.rng.choice(["raccoon", "magpie", "fox", "squirrel", "goat", "mouse", "hedgehog", "monkey"])
    s.bind(thief=thief)
    s.meta["about"], s.meta["does"] = "the missing " + s.ctx["loot"], "catches a thief"
    opening(s)
    meet_friend(s)
    s.p()
    s.one(
        "{#day}, some {loot} were missing. The next day, even more of the {loot} were gone.",
        "Every night, somebody stole {loot}. Nobody knew who it was.",
        '"My {loot}!" cried {m} one morning. "Somebody has taken them!"',
    )
    s.one(
        '"This is a case for us," said {h} to {f}. "We will find the thief."',
        "{h} and {f} decided to solve the mystery.",
    )
    s.one(
        "They looked for clues. There were little footprints in the mud[, and they led to the fence|, but in the grass they disappeared|].",
        "First they asked the neighbors, but nobody had seen anything. Then {f} found a "
        + ("feather" if thief == "magpie" else "hair")
        + " on the fence.",
        '"Look, a clue!" said {f}. Something was lying on the path. "The thief went this way."',
    )
    s.one(
        '"It must be the neighbor\'s dog," said {f}. But the dog only yawned and went back to sleep.',
        "At first they thought that it was the cat, but the cat had been asleep all night.",
    )
    s.p()
    s.one(
        "That night, they hid {#spot} and waited. The moon came up. It was very quiet.",
        "In the evening, they put flour on the ground and hid behind a barrel.",
    )
    s.one(
        '{f} was almost asleep when {h} heard something. "Psst! There is somebody!"',
        "At midnight, there was a soft noise. {h} held {h.his} breath.",
    )
    s.one(
        'A small shadow crept along the wall. "Stop!" cried {h}, and {f} lifted the lantern. It was a {thief}!',
        "They jumped up and held up the lantern. In the light stood a little {thief} with some {loot}.",
    )
    s.one('"Please do not be angry," said the {thief}. ', "The {thief} began to shake. ")
    why = s.rng.choice(
        [
            (
                '"I have five little ones at home, and they are hungry."'
                if s.ctx["loot"] in ("carrots", "eggs", "apples", "cookies", "cabbages")
                else '"I wanted to build a warm house for my five little ones."'
            ),
            '"I only wanted to give a party, because I have no friends, and I had nothing to put on the table."',
            '"I am collecting them for the winter, and I did not know that they belonged to you."',
        ]
    )
    s('"I did not want to hurt anybody," it said. ' + why)
    s.p()
    s.one(
        '{h} and {f} looked at each other. "You should have asked," said {h}. "We will help you."',
        '"Stealing is wrong," said {h}, "but nobody should be hungry or alone."',
    )
    s.one(
        "The next day, the {thief} said sorry to everyone, and {m} gave it a basket full of good things. In return, the {thief} [watched over the garden|swept the yard|told stories] every night.",
        "The {thief} gave everything back and helped in the garden, and in the evening there was a place for it at the table.",
    )
    s.one("And from that night on, nothing was ever stolen again.", '"Case closed," said {f} and shook {h}\'s hand.')
    ending(s, "{h} learned that it is good to ask why before you get angry.", together=True)


def quarrel(s):
    """Two friends stop talking and make up."""
    friend(s)
    s.meta["about"], s.meta["does"] = "two friends who quarrel", "has a quarrel with a friend"
    s.bind(
        what="[who was the tallest|who had found the shell|whose turn it was|which game to play|who could run faster|the color of the sky at night|the last cookie|whose drawing was better]"
    )
    opening(s)
    meet_friend(s)
    s.p()
    s.one("But {#day}, they had a quarrel. It was about {what}.", "{#day}, {h} and {f} began to argue about {what}.")
    s.one(
        '"I am right!" said {h}. "No, I am right!" said {f}.',
        "First they talked, then they shouted, and then they did not say anything at all.",
    )
    s.one(
        '"I will never play with you again!" cried {f} and ran home.',
        '"You are not my friend any more," said {h} and walked away without looking back.',
    )
    s.p()
    s.one(
        "The next day, {h} played alone. It was not much fun to [throw a ball and fetch it alone|play tag with nobody].",
        "For three days, they did not say a word to each other. {h} built a tower, but there was nobody to show it to.",
    )
    s.one(
        '"I do not need {f}," {h} said. But {h.his} heart felt heavy.',
        "{h} looked over to {f}'s house. Was {f} looking, too?",
        "Even {#cake} did not taste good.",
    )
    s.one(
        '"Why don\'t you talk to {f}?" asked {m}. "{f.he} must say sorry first," said {h}. "Maybe {f.he} is thinking the same," said {m}.',
        '"Do you still know what the quarrel was about?" asked {m}. {h} thought about it. It was such a little thing.',
    )
    s.p()
    r = s.rng.random()
    if r < 0.4:
        s.one(
            'So {h} took a piece of paper and wrote, "I am sorry." {h.he} went out to bring it to {f}. Halfway, {h.he} met {f}, who had a piece of paper, too. On it was written, "I am sorry."',
            'At last {h} went out. At the corner, {h.he} bumped into {f}. "I was coming to see you," they both said at the same time.',
        )
        s.one("They looked at each other and began to laugh.", "Then they laughed until their tummies hurt.")
    elif r < 0.7:
        s.one(
            "Then {h} heard that {f} was ill in bed. At once {h.he} forgot the quarrel and ran to {f} with [a bunch of {#flowers}|some soup|a book]."
        )
        s.one('"You came!" said {f}. "Of course I came," said {h}. "I am sorry." "I am sorry, too," said {f}.')
    else:
        s.one(
            "That afternoon, {f}'s boat drifted away on the pond with {f} in it. {h} saw it and did not think twice. {h.he} threw a rope and pulled {f} back to land.",
            "That evening, {h} fell into a ditch and could not get out. Somebody reached down and took {h.his} hand. It was {f}.",
        )
        s.one('"Are we friends again?" asked {f}. "We always were," said {h}.')
    s.one(
        "They shared [an apple|a cookie|a blanket] and talked until the stars came out.",
        "And about {what}? They had forgotten it.",
    )
    ending(
        s, "{h} learned that a friend is worth more than being right.", "It is not so hard to say sorry.", together=True
    )


def old_useful(s):
    """An old animal nobody needs saves the day."""
    kind = fresh(s, ["horse", "dog", "donkey", "cat", "goose", "rooster", "goat"])
    bind_character(s, "o", None, kind, s.rng.choice("fm"), False)
    s.meta["about"], s.meta["does"] = "an old " + kind, "saves an old " + kind
    s.bind(oa="an old " + kind)
    opening(s)
    s.p()
    s.one(
        "There was also {oa}, who had worked hard all {o.his} life. But now {o} was slow, and {o.his} eyes were weak.",
        "On the farm next door lived {oa}. Once {o} had been strong, but now {o.he} was old and tired.",
    )
    s.one(
        '"{o} eats too much and does nothing," said the farmer. "Tomorrow I will sell {o.him}."',
        '"We do not need an old {o.kind} any more," said the farmer.',
    )
    s.one(
        "{h} heard it and was {#sad}, because {h.he} loved {o}.",
        "When {h} heard that, {h.he} ran to {o} and put {h.his} arms around {o.him}.",
    )
    s.one(
        '"I will take care of {o.him}," said {h}. "I will give {o.him} half of my bread."',
        '"Please let {o.him} stay," begged {h}, "only for one more week." The farmer shrugged. "One week," he said.',
    )
    s.p()
    save = s.rng.choice(
        [
            (
                "One night, a fire broke out in the barn. Everyone was asleep. But {o} smelled the smoke and made such a noise that they all woke up.",
                "They brought water from the well, and the fire was put out before it could reach the house.",
            ),
            (
                "One night, a fox crept up to the henhouse. The young dog was asleep, but {o} heard the soft steps and gave the alarm.",
                "The fox was so frightened that he ran away and lost one of his shoes.",
            ),
            (
                "Then a thick fog came, and the farmer's little son did not come home. Nobody could see the way. But {o} did not need eyes, for {o.he} had walked on these paths for twenty years.",
                "Slowly, step by step, {o} went into the fog with {h}, and an hour later they brought the boy home.",
            ),
            (
                "Then came the great flood. The water rose, and nobody knew where to go. But {o} remembered a path up the hill that all the others had forgotten.",
                "{o} went ahead, and everyone followed, and so they were saved.",
            ),
            (
                "One night, two robbers came to the farm. {h} and {o} heard them. {h} beat on a pan, and {o} cried out in the dark with a terrible voice.",
                "The robbers thought that it was a ghost, and they ran away as fast as they could.",
            ),
        ]
    )
    s(*save)
    s.one(
        '"{o} has saved us all," said the farmer, and he was ashamed. "{o.he} shall stay here as long as {o.he} lives."',
        'The farmer took off his hat to {o}. "Forgive me," he said. "I did not know how much you are worth."',
    )
    s.p()
    s.one(
        "From then on, {o} had the warmest place in the stable, and {h} came every day with [an apple|a carrot|some bread].",
        "{h} tied a {#color} ribbon around {o}'s neck, and everyone cheered.",
    )
    s.bind(f="{o}")
    ending(
        s,
        "Nobody is ever too old to be a friend.",
        "{h} learned that those who are old often know the most.",
        together=True,
    )


def silent_bell(s):
    """The music of the village has gone; somebody brings it back."""
    s.bind(thing="[bell|big drum|organ|golden trumpet|music box|clock]")
    s.meta["about"], s.meta["does"] = "a " + s.ctx["thing"] + " that was silent", "repairs an old " + s.ctx["thing"]
    opening(s)
    s.p()
    s.one(
        "In the middle of the village stood an old {thing}. Every [evening|Sunday], it used to play for everyone. But one day it was silent.",
        "There was an old {thing} that everyone loved to hear. But {#day}, there was no sound any more.",
    )
    s.one(
        "Without it, the people became [quiet and sad|grumpy]. Nobody danced, and nobody sang.",
        '"It is broken," said the mayor. "Nobody can repair it."',
    )
    s.one(
        "Strong men came with hammers, and clever men came with books, but the {thing} did not make a sound.",
        "They pulled at it, and they shook it, but it stayed silent.",
    )
    s.one(
        '"May I have a look?" asked {h}. "You?" said the mayor. "You are too [young|small]!" But {h} was already climbing in.',
        "{h} wanted to know why. When nobody was looking, {h.he} opened the little door at the back and crept inside.",
    )
    s.p()
    inside = s.rng.choice(
        [
            (
                "It was dark and full of dust. And there, in the very middle, sat a {#bird} in her nest with three blue eggs.",
                '"Please do not send me away," said the bird. "My little ones will hatch soon."',
                "{h} promised. For two weeks, {h.he} told everyone to be patient. Then the little birds flew out, and the {thing} sounded more beautiful than ever, because the birds sang along.",
            ),
            (
                "Inside, {h} found a tiny old man with a white beard. He was fast asleep.",
                '"I am the one who makes the music," he said when {h} woke him, "but nobody ever said thank you. So I stopped."',
                "{h} ran out and told everyone. All the people came and said thank you at the same time. The little man blushed, and then the {thing} began to play.",
            ),
            (
                "{h} looked and looked. Then {h.he} saw that a single small wheel was missing.",
                '"Without the smallest wheel, the big ones cannot turn," said {h}.',
                "{h} searched {#spot} and everywhere else, and at last {h.he} found the little wheel in a magpie's nest. {h} gave the magpie a shiny button for it and put the wheel back.",
            ),
            (
                "Inside sat a mouse who had stuffed the whole {thing} with soft wool.",
                '"It is so loud, and I can\'t sleep," said the mouse.',
                "{h} built a cozy new home for the mouse {#spot}, and together they carried out the wool, bit by bit.",
            ),
        ]
    )
    s(*inside)
    s.p()
    s.one(
        "When the {thing} sounded again, the windows opened, and all the people came out to dance.",
        "The sound went over the roofs and far out into the fields, and everyone stopped to listen.",
    )
    s.one(
        '"Three cheers for {h}!" cried the mayor.', '"How did you do it?" asked {m}. "I only looked closely," said {h}.'
    )
    ending(s, "{h} learned that small things can be very important.", "And every time the {thing} sounded, {h} smiled.")


def messenger(s):
    """A letter must reach its reader in time."""
    folk(
        s,
        "e",
        kind=fresh(s, ["lighthouse keeper", "king", "queen", "doctor", "captain", "ferryman", "miller", "wizard"]),
    )
    s.meta["about"], s.meta["does"] = "a letter", "carries a letter"
    opening(s)
    s.p()
    s.bind(
        e="the " + s.ctx["e.kind"],
        place="[on the other side of the mountain|in the next valley|at the end of the long road|on the far shore of the lake]",
    )
    s.one(
        '{#day}, {m} gave {h} a letter. "Bring this to {e}, who lives {place}," {m} said. "It is very important, and it must be there before the sun goes down."',
        '{#day}, a rider came to the door. His horse was lame. "Please take this letter to {e} {place}," he said. "It must be there before night."',
    )
    s.one("{h} put the letter under {h.his} [coat|hat|arm] and set out at once.", '"You can count on me," said {h}.')
    s.maybe(0.5, "{#weather}.")
    s.p()
    trials = s.rng.sample(
        [
            'At the first crossroads, a clown stood on his hands. "Stay and laugh with me!" he called. {h} wanted to stay, but {h.he} thought of the letter and went on.',
            'In the orchard, the {#fruits} were ripe. "Just one," thought {h}. But {h.he} did not stop for long.',
            "Then {h} came to a river, and the bridge was gone. {h.he} took off {h.his} shoes and [walked|waded] through the cold water with the letter held high above {h.his} head.",
            "A strong wind tore the letter out of {h.his} hand. {h} ran after it over stones and bushes until {h.he} caught it at the edge of a pond.",
            'A fox sat by the road. "I know a shortcut," he said with a smile. But {h} did not trust him and stayed on the road.',
            "It began to rain. {h} wrapped the letter in {h.his} scarf so that it would stay dry.",
            "A little {#bird} had fallen out of its nest. {h} could not just walk by. {h.he} put it back, and then {h.he} ran twice as fast.",
            "In the forest, it was dark, and there were strange sounds. {h} whistled a tune and kept on walking.",
        ],
        s.rng.choice([2, 3]),
    )
    s(*trials)
    s.p()
    s.one(
        'The sun was already low when {h} came to {e}. "A letter for you!" {h.he} said, quite out of breath.',
        "Just as the sun touched the hills, {h} knocked at the door of {e}.",
    )
    news = s.rng.choice(
        [
            (
                '{e} opened it and began to smile. "My brother is coming home after ten long years!"',
                "Then {e.he} danced around the room with {h}.",
            ),
            (
                '"A storm is coming tonight," read {e}. "I must light the big lamp at once, or the ships will be lost!"',
                "That night, the lamp shone, and not one ship was lost.",
            ),
            (
                '"A child is ill, and only I know the right medicine," said {e}.',
                "They rode through the night together, and in the morning the child was well again.",
            ),
            (
                '"The river will rise tonight," read {e}. "We must warn the people!"',
                "{e} rang the bell, everyone went up the hill, and nobody was hurt.",
            ),
            (
                'There was only one line in it. "Give the one who brings this letter a good supper and a warm bed," it said, "because a good messenger is worth more than gold."',
                "{e} laughed and set the table, and {h} ate {#food} until {h.he} could eat no more.",
            ),
        ]
    )
    s(*news)
    s.one(
        '"Without you, it would have been too late," said {e}.',
        '"You did not stop, and you did not turn back," said {e}. "I thank you."',
        'The next day, {h} went home. {m} was waiting at the gate. "I knew that I could trust you," {m} said.',
    )
    ending(s, "{h} was proud that {h.he} had kept {h.his} word.", "Someone you can trust is a treasure.")


def fair(s):
    """A day at the fair with one coin."""
    friend(s)
    s.meta["about"], s.meta["does"] = "a day at the fair", "goes to the fair"
    opening(s)
    s.p()
    s.one(
        "{#day}, the fair came to town. There were lights and music, and it smelled of [sugar|roasted nuts|popcorn|gingerbread].",
        "Once a year, there was a big fair with [a merry-go-round|jugglers|a tent full of mirrors]. {h} had waited for it all year.",
    )
    s.one(
        '{m} gave {h} one silver coin. "You can buy whatever you like," {m} said, "but think about it first."',
        "{h} had saved one coin. {h.he} held it tight in {h.his} hand.",
    )
    s.one(
        "{h} walked from stall to stall. There were {#color} balloons, sweet {#fruits} on sticks, and little [whistles|flags|dolls].",
        "What should {h.he} buy? A {#toy}? A {#cake}? A ride on the big wheel?",
    )
    s.maybe(
        0.5,
        "A clown pulled an egg out of {h}'s ear, and everyone laughed.",
        "A monkey in a red jacket bowed to {h} and took off its hat.",
    )
    s.p()
    s.one(
        "Then {h} saw {f.a} sitting behind a tent. It was {f}, and {f.he} was crying.",
        "Near the gate stood {f}, {f.a}. {f.he} looked at the lights, but {f.he} did not go in.",
    )
    s.one(
        '"What is the matter?" asked {h}. "I lost my coin," said {f}, "and now I can\'t buy anything."',
        '"Why don\'t you come in?" asked {h}. "I have no money," said {f} quietly.',
        '"I wanted to buy medicine for my grandmother," said {f}, "but somebody has taken my coin."',
    )
    s.one(
        '{h} looked at {h.his} coin for a long time. Then {h.he} put it into {f}\'s hand. "Take it," {h.he} said.',
        '{h} thought about all the things {h.he} wanted. Then {h.he} smiled. "We will share mine," {h.he} said.',
    )
    s.one(
        '{f}\'s eyes grew wide. "For me?" {f.he} asked. "Thank you!"', '"Nobody has ever given me anything," said {f}.'
    )
    s.p()
    luck = s.rng.choice(
        [
            (
                'The man from the merry-go-round had seen it all. "Come here, you two," he said. "Today you may ride for free, as often as you like."',
                "And they rode until everything turned around them, even when they stood still.",
            ),
            (
                'An old woman at the next stall waved to {h}. "A kind heart needs a prize," she said, and gave each of them a big {#cake}.',
                "They sat down in the grass and ate it to the last crumb.",
            ),
            (
                "On the way out, a wheel of a wagon broke, and {h} and {f} helped to fix it. It was the wagon of the circus!",
                "So they got two seats in the first row, and they saw the elephants and the dancers on the rope.",
            ),
            (
                "{h} had no money left, but {h.he} and {f} made up their own fair {#spot}, with races, riddles, and a puppet show.",
                "Soon all the others came to play with them, because it was even more fun than the real one.",
            ),
        ]
    )
    s(*luck)
    s.one(
        'When {h} came home, {m} asked, "What did you buy with your coin?" "A friend," said {h}.',
        "In the evening, they walked home together under the lanterns.",
    )
    ending(s, "{h} had spent the coin well.", "What you give away with love comes back to you.", together=True)


def dream(s):
    """A journey in a dream."""
    s.meta["about"], s.meta["does"] = "a strange dream", "has a strange dream"
    opening(s)
    s.p()
    s.bind(
        ride="[a cloud|a paper boat|a white horse with wings|a flying bed|a giant leaf|a big soap bubble|a train without rails]",
        land="[the land of candy|the moon|a city under the sea|the castle of the winds|the land where everything is upside down|the island of lost toys|a garden in the sky]",
    )
    s.one(
        "One night, {h} woke up because there was a light in the room. In front of the window floated {ride}.",
        "One evening, {h} lay down {#spot} and closed {h.his} eyes. When {h.he} opened them, there was {ride}.",
    )
    s.one(
        '"Get on," said a friendly voice. "We are going to {land}."',
        "{h} climbed on, and up they went, over the roofs and over the hills, all the way to {land}.",
    )
    s.one(
        "The wind was soft, and the stars were so near that {h} could touch them.",
        "They passed the moon, who nodded, and a sleepy owl, who did not.",
    )
    s.p()
    sights = s.rng.sample(
        [
            "There, the rivers were made of [milk|lemonade|cocoa], and the [trees|stones] were made of [bread|chocolate|sugar].",
            "The houses had faces, and they all said good evening.",
            "Fish flew through the air, and birds swam in the ponds.",
            'A king with a paper crown asked {h} for advice. "What should I do when I am bored?" he asked. "Play hide-and-seek," said {h}, and the whole court began to hide.',
            'A clock was running around on two legs. "I have no time!" it cried. {h} caught it and wound it up, and then it had time again.',
            "Old toys sat in a circle and told stories about the children they had loved. {h} found {h.his} own lost {#toy} among them.",
            "In the middle stood a tree with books instead of leaves, and each of them told its story in a whisper.",
            "Everyone there walked backward and laughed when they were sad. So {h} laughed, too, although {h.he} was a little homesick.",
        ],
        3,
    )
    s(sights[0], sights[1])
    s.maybe(0.6, sights[2])
    s.one(
        '"Stay with us forever," they said to {h}. But {h} thought of {m}.',
        "It was beautiful, but after a while {h} began to miss {h.his} bed and {m}.",
    )
    s.one(
        '"How do I get home?" {h.he} asked. "[Close your eyes and count to three|Just think of someone you love]," said the voice.',
        "{h} closed {h.his} eyes and thought of home with all {h.his} might.",
    )
    s.p()
    s.one(
        'When {h} opened {h.his} eyes again, the sun was shining. {m} stood beside {h.him}. "Good morning," {m.he} said. "Did you sleep well?"',
        'Then somebody stroked {h.his} head. "Wake up, {h}," said {m}. "Breakfast is ready."',
    )
    s.one(
        "It had only been a dream. But in {h}'s hand there was [a silver feather|a piece of candy|a tiny paper crown|a bit of stardust].",
        '"I was in {land}," said {h}, and {h.he} told {m} all about it.',
    )
    ending(
        s,
        "And the next night, {h} left the window open a little.",
        "{h} never found out if it had been a dream or not.",
    )


def drought(s):
    """There is no water; somebody patient finds it."""
    wise(s, "w")
    s.meta["about"], s.meta["does"] = "a dry summer", "looks for water"
    opening(s)
    s.p()
    s.one(
        "One summer, it did not rain for many weeks. The [river|pond] dried up, the grass turned brown, and everyone was thirsty.",
        "Then came a summer without rain. The well was empty, and the flowers hung their heads.",
    )
    s.one(
        '"We must leave this place," said some. "We must wait," said others. And they quarreled all day long.',
        "The strong ones took the last drops for themselves, and the small ones had nothing.",
    )
    s.bind(mark="[white rock|crooked tree|red hill]")
    s.one(
        '"There must be water somewhere," said {h}. {w.a} nodded. "In the old days, there was a spring under the {mark}," {w.he} said. "But nobody remembers where it is."',
        '{h} went to {w.a} and asked for advice. "Look for the {mark}," said {w}. "Water sleeps under it."',
    )
    s.one(
        "So {h} set out to look for the {mark}. {h.he} walked all day in the hot sun.",
        "The others laughed, but {h} took a shovel and went to look for the {mark}.",
    )
    side(s, 0.3)
    s.p()
    s.one(
        "At last, in the evening, {h} saw the {mark} in front of {h.him}. {h.he} began to dig.",
        "On the third day, {h} found the {mark}. It was quite small, and everyone had always walked past it.",
    )
    s.one(
        "{h.he} dug until {h.his} hands hurt, but there was only dry sand.",
        "{h} dug and dug. One hour, two hours, three hours. Nothing.",
    )
    s.one(
        '"Just a little deeper," {h} said to {h.self}.',
        "{h} was {#tired}, but {h.he} thought of all the thirsty little ones at home.",
        'A mole stuck its head out of the ground. "What are you doing?" it asked. "I am looking for water," said {h}. "Then let me help," said the mole.',
    )
    s.one(
        "Then the sand became wet. A drop came, and then another, and then clear, cold water shot up into the air!",
        "And then there was a soft sound, like a whisper. Water! It ran over {h.his} feet, cool and clear.",
    )
    s.p()
    s.one(
        "{h} ran home and called everyone. They drank and laughed and splashed each other.",
        "Soon everyone was there, big and small, and this time nobody pushed, for there was enough for all.",
    )
    s.one(
        "A little brook ran down to the village, and they named it after {h}.",
        "The grass became green again, and {#flowers} grew along the water.",
    )
    ending(s, "{h} learned that you must not stop too soon.", "Since then, nobody has laughed at {h}'s ideas.")


def robot(s):
    """A made thing that wants to be useful."""
    child(s, "f") if s.rng.random() < 0.6 else animal(s, "f")
    s.bind(
        thing="[robot|wooden puppet|clay giant|tin soldier|scarecrow|paper bird]",
        mat="[old boxes|tin cans|wood and string|things that nobody wanted any more]",
    )
    s.meta["about"], s.meta["does"] = "a " + s.ctx["thing"], "makes a " + s.ctx["thing"]
    opening(s)
    s.p()
    s.one(
        "{h} was good at making things. {#day}, {h.he} built a {thing} out of {mat}.",
        "It was raining, and {h} was bored. So {h.he} took some {mat} and made a {thing}.",
    )
    s.one(
        'When it was finished, something strange happened. The {thing} opened its eyes and said, "Hello. What can I do for you?"',
        '{h} gave it two buttons for eyes. The {thing} blinked. "Who am I?" it asked.',
    )
    s.one(
        '{h} was so surprised that {h.he} sat down on the floor. "You can talk!" {h.he} said.',
        '"You are my friend," said {h} happily.',
    )
    s.p()
    s.one(
        "The {thing} wanted to help with everything. It washed the dishes and broke three plates. It watered the flowers and the cat.",
        "The {thing} tried to help. It swept the floor so hard that the dust flew out of the window and into the soup of the neighbors.",
    )
    s.one('"That thing must go!" said {m}.', '"Your {thing} is no good for anything," said {f}, who lived next door.')
    s.one(
        "The {thing} hung its head. That night, it went away quietly, because it did not want to make any more trouble.",
        'The {thing} heard it and was sad. In the night, it left a note. "I am sorry," said the note, "I only wanted to be useful."',
    )
    s.one(
        'In the morning, {h} looked for it everywhere. "Come back!" {h.he} called, but there was no answer.',
        "{h} cried when {h.he} found the empty corner.",
    )
    s.p()
    rescue = s.rng.choice(
        [
            (
                "That same day, {f} fell into the old well. The walls were smooth, and nobody could climb down.",
                "Then the {thing} came running. It tied itself to the rope and let itself down, for it was light and not afraid of the dark. It brought {f} up again.",
            ),
            (
                "That evening, the wind tore a big branch off the {#tree}, and it fell on the roof. The rain came in, and {m} did not know what to do.",
                "Then the {thing} climbed up. It held the roof all night in wind and rain, until help came in the morning.",
            ),
            (
                "That afternoon, {f} wandered off into the woods and did not come back. Everyone went out to look, but it got dark.",
                "Only the {thing} never got tired. It searched all night, and at sunrise it came out of the woods with {f} asleep on its back.",
            ),
        ]
    )
    s(*rescue)
    s.one(
        '"You are a hero," said {h} and hugged it.',
        '"Please stay with us," said {m}. "Plates are not so important."',
        '"I was wrong," said {f}. "Will you be my friend, too?"',
    )
    s.one(
        'The {thing} looked at them all. "So I am good for something," it said, and its eyes shone.',
        "The {thing} did not know how to cry. But it knew how to dance, and it danced with {h} through the whole house.",
    )
    s.bind(f="the {thing}")
    ending(s, "Everyone is good at something.", "And it never broke another plate, or almost never.", together=True)


def greedy(s):
    """Someone wants more and more, and loses it."""
    bind_character(
        s, "k", None, s.rng.choice(["king", "merchant", "farmer", "miller", "innkeeper", "mayor"]), "m", True
    )
    s.bind(goose="[goose|hen|cow|tree|well|mill]")
    g = s.ctx["goose"]
    gift = {
        "goose": "laid a golden egg every morning",
        "hen": "laid a silver egg every morning",
        "cow": "gave honey instead of milk",
        "tree": "grew golden apples",
        "well": "was full of sweet lemonade",
        "mill": "ground coins instead of flour",
    }[g]
    s.bind(gift=gift)
    s.meta["about"], s.meta["does"] = "a greedy " + s.ctx["k.kind"], "has a magic " + g
    opening(s)
    s.p()
    s.one(
        "{h} was poor, but {h.he} had a {goose}. {#day}, {h.he} found out that it {gift}.",
        (
            "{#day}, {h} helped an old woman to carry her wood. To thank {h.him}, she gave {h.him} a {goose} that {gift}."
            if g not in ("well", "mill", "tree")
            else '{#day}, {h} helped an old woman to carry her wood. "Look behind your house," she said. There {h} found a {goose} that {gift}.'
        ),
    )
    s.one(
        "{h} was {#happy}. {h.he} never took more than {h.he} needed, and {h.he} shared with everyone who was hungry.",
        '"That is more than enough for me," said {h}, and {h.he} gave half of it to the poor.',
    )
    s.p()
    s.one(
        'A rich {k.kind} heard of it. "I must have that {goose}!" he said.',
        "But there was a {k.kind} who had a big house and was still not content.",
    )
    s.one(
        (
            "He came with ten men and took it away."
            if g not in ("well", "mill", "tree")
            else "He came with ten men and chased {h} away from the house."
        ),
        '"This {goose} belongs to me now," he said, and nobody dared to stop him.',
    )
    s.one(
        '"More, more!" he shouted. "One is not enough. I want a hundred!"',
        'But he did not want to wait. "Faster!" he cried. "I want it all at once!"',
    )
    end = {
        "goose": "He squeezed the goose so hard that it bit his nose and flew away over the roofs, straight back to {h}",
        "hen": "He gave the hen so much to eat that it could not lay any eggs at all. So he threw it out, and it walked home to {h}",
        "cow": "He milked the cow day and night. At last it gave nothing but vinegar, and he chased it away. It went straight home to {h}",
        "tree": "He shook the tree with all his might. All the golden apples fell on his head, and under his hands they turned into mud",
        "well": "He drank and drank until he was as round as a ball and rolled down the hill. When he wanted to drink again, there was only salt water",
        "mill": "He turned the mill faster and faster, until coins came out of the windows and doors, and he was stuck in them up to his neck",
    }[g]
    s(end + ".")
    s.p()
    s.one(
        '"Help me!" cried the {k.kind}. {h} could have laughed at him, but {h.he} did not.',
        "When {h} came, the {k.kind} was sitting on the ground, and he was ashamed.",
    )
    s.one(
        '"If you always want more, you will never have enough," said {h}, and {h.he} [helped him up|gave him some bread].',
        '{h} helped him, and the {k.kind} said, "You have little and give much. I had much and gave nothing. I want to learn from you."',
    )
    s.one(
        "After that, the {k.kind} was a different man, and the {goose} stayed with {h}.",
        "From then on, the {goose} was as good as before, but only for {h}.",
    )
    ending(s, "Those who want everything end up with nothing.", "{h} stayed as {h.he} was, and that was good.")


MORE = (star, apprentice, detective, quarrel, old_useful, silent_bell, messenger, fair, dream, drought, robot, greedy)

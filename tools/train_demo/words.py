# SPDX-License-Identifier: Apache-2.0
"""Word lists of the story grammar. Commas separate entries; an entry may itself be a template."""


def _w(text):
    return [w.strip() for w in text.replace("\n", " ").split(",") if w.strip()]


GIRLS = _w(
    """Lily, Mia, Emma, Anna, Sophie, Ella, Clara, Rosie, Molly, Daisy, Lucy, Grace, Ruby, Nora, Ivy, Hazel, Maya,
Zoe, Eva, Alice, Amy, Bella, Chloe, Dora, Elsa, Fiona, Greta, Hannah, Iris, Jane, Kate, Lena, Maria, Nina, Olive, Poppy,
Rosa, Sara, Tara, Vera, Wendy, Heidi, Ingrid, June, Leah, Mary, Nell, Penny, Sally, Tess, Violet, Willa, Aisha, Mei,
Priya, Yuki, Amina, Carmen, Freya, Lola, Abigail, Beatrice, Charlotte, Diana, Eleanor, Florence, Gloria, Helen, Isabel,
Julia, Katherine, Laura, Margaret, Natalie, Olivia, Paula, Rachel, Stella, Teresa, Ursula, Victoria, Agnes, Bonnie,
Cora, Edith, Flora, Gretel, Holly, Irene, Joan, Karen, Linda, Mabel, Nancy, Rebecca, Susan, Tina, Winnie, Zara, Fatima,
Leila, Sana, Valentina, Ming, Astrid"""
)
BOYS = _w(
    """Tom, Ben, Max, Sam, Jack, Leo, Tim, Finn, Oscar, Noah, Peter, Henry, Oliver, Jacob, Lucas, Theo, Hugo, Felix,
Daniel, Adam, Alex, Bobby, Charlie, David, Eli, Frank, George, Harry, Ivan, James, Karl, Louis, Martin, Nick, Otto, Paul,
Robin, Simon, Toby, Victor, Walter, Will, Andy, Billy, Colin, Dan, Edward, Fred, Gus, Jonas, Kai, Liam, Milo, Ned, Owen,
Omar, Ravi, Kenji, Diego, Emil, Arthur, Benjamin, Christopher, Dylan, Ethan, Gabriel, Harold, Isaac, Jasper, Kevin,
Lewis, Matthew, Nathan, Patrick, Quentin, Robert, Stephen, Thomas, Vincent, William, Alfred, Bernard, Carl, Dennis,
Erik, Franz, Hans, Igor, Julian, Lars, Marco, Nils, Pedro, Richard, Stefan, Timothy, Anton, Mario, Ali, Chen, Hassan,
Jin, Mateo, Sven"""
)
SHE_ANIMAL_NAMES = _w(
    """Daisy, Poppy, Luna, Pearl, Dotty, Fern, Clover, Bluebell, Hazel, Willow, Honey, Pippa, Tansy, Mimi,
Juniper, Maple, Flora, Biscuit, Nutmeg, Coco, Tilly, Misty, Snowy, Velvet, Ruby, Button, Cherry, Olive, Peaches, Plum"""
)
HE_ANIMAL_NAMES = _w(
    """Pip, Bruno, Rusty, Oscar, Barnaby, Thumper, Nibbles, Whiskers, Patch, Rolo, Bramble, Acorn, Chip,
Hopper, Pebble, Teddy, Copper, Basil, Fudge, Gus, Smokey, Percy, Wilbur, Ziggy, Toby, Monty, Dusty, Bertie, Moss, Pickle"""
)
ANIMALS = _w(
    """rabbit, mouse, fox, bear, squirrel, hedgehog, kitten, puppy, duckling, frog, mole, badger, otter, beaver, deer,
lamb, pony, donkey, piglet, goat, turtle, penguin, elephant, monkey, lion cub, tiger cub, raccoon, panda, koala, kangaroo, calf,
chipmunk, hamster, wolf cub, lizard, goose, dragon, unicorn, sheep, cow, dog, cat,
horse, bird, parrot, peacock, swan, hen, rooster, turkey, camel, zebra, giraffe, hippo, rhino, lion, tiger, leopard, wolf, moose,
elk, seal, walrus, crab, snail, butterfly, bee, ladybug, ant, cricket, spider, bat, crocodile, dinosaur, sloth, gorilla, baboon,
llama, alpaca, skunk, weasel, ferret, porcupine, armadillo, anteater, ostrich, flamingo, pelican, seagull, robin, sparrow, crow,
toad, newt, chick, foal, fawn, polar bear, brown bear, snow leopard, guinea pig, sea lion, robot, fairy, elf, gnome, goblin, ghost,
mermaid, troll, snow fox, sheepdog, mountain goat"""
)
FOLK = _w(
    """baker, farmer, miller, fisherman, shoemaker, tailor, gardener, blacksmith, carpenter, shepherd, woodcutter, potter, weaver,
clockmaker, beekeeper, lighthouse keeper, teacher, doctor, painter, sailor, captain, pirate, king, queen, prince, princess, knight,
wizard, witch, magician, soldier, hunter, musician, singer, dancer, clown, inventor, astronaut, pilot, cook, postman, merchant,
goose girl, stable boy, chimney sweep, toymaker, candle maker, ferryman, explorer, student, servant, poet, traveler, monk,
fiddler, juggler, firefighter, police officer, nurse, scientist, librarian, bus driver, train driver, snow queen, giant, dwarf"""
)
FOLK_SHE = set(_w("queen, princess, witch, goose girl, snow queen"))
FOLK_HE = set(_w("fisherman, king, prince, wizard, postman, stable boy, ferryman, monk, knight"))
_ONSET = _w("b, br, c, ch, d, dr, f, g, gr, h, j, k, l, m, n, p, r, s, sh, t, th, tr, v, w, z, el, al, or, ar, is, un")
_VOWEL = _w("a, e, i, o, u, ai, ea, ie, oo, a, e, i, o")
_CODA = _w(
    "n, l, r, s, m, nd, rt, lla, ra, na, ky, bo, mi, to, x, th, ck, rin, dle, lo, vin, wen, dor, lia, ric, nna, ster, by"
)


def invented_name(rng):
    """A name nobody has heard, so that the model learns to repeat names rather than to know them."""
    name = rng.choice(_ONSET) + rng.choice(_VOWEL)
    if rng.random() < 0.5:
        name += rng.choice(_ONSET[:26]) + rng.choice(_VOWEL)
    return (name + rng.choice(_CODA)).capitalize()


WISE = _w("owl, tortoise, heron, crow, stag, goose, badger, toad, raven, goat, horse, cat")

LISTS = {
    "color": _w("red, blue, green, yellow, purple, orange, pink, white, golden, silver, brown, bright red, dark blue"),
    "small": _w("little, small, tiny, young"),
    "trait": _w(
        """kind, curious, cheerful, gentle, clever, playful, brave, quiet, friendly, busy, shy, lively, thoughtful, merry,
        stubborn, careful, dreamy, helpful, funny, bold"""
    ),
    "big": _w("big, huge, enormous, giant, great, very big"),
    "nice": _w("lovely, beautiful, wonderful, pretty, fine, perfect, splendid"),
    "sad": _w("sad, unhappy, very sad, upset, miserable, gloomy, heartbroken"),
    "happy": _w(
        """happy, very happy, glad, delighted, full of joy, so happy, overjoyed, as happy as could be, cheerful, pleased,
        thrilled"""
    ),
    "scared": _w("scared, afraid, frightened, very scared, nervous, worried"),
    "tired": _w("tired, very tired, sleepy, worn out, quite tired"),
    "toy": _w(
        """kite, ball, doll, teddy bear, toy boat, toy train, wooden horse, drum, whistle, spinning top, puzzle, scooter, flute,
        music box, jump rope, toy car, puppet, marble, yo-yo, toy rocket, paper boat, rag doll, toy duck, wagon"""
    ),
    "treasure": _w(
        """ring, scarf, hat, necklace, bell, key, button, coin, lantern, feather, shell, watch, mitten, ribbon, pocketknife,
        bracelet, compass, little book, notebook, spoon, thimble, brooch, locket, pebble"""
    ),
    "fruit": _w("apple, pear, plum, peach, orange, banana, cherry, fig, melon"),
    "fruits": _w(
        """apples, pears, plums, peaches, cherries, strawberries, blueberries, raspberries, blackberries, oranges, grapes,
        figs"""
    ),
    "food": _w(
        """warm bread, apple pie, honey cake, vegetable soup, pancakes, cookies, cheese sandwiches, berry jam, carrot cake,
        porridge, roasted chestnuts, cinnamon rolls, potato soup, plum pudding, muffins, nut bread, hot stew, blueberry pie"""
    ),
    "cake": _w(
        """apple pie, honey cake, chocolate cake, carrot cake, cherry pie, lemon cake, plum pie, nut cake, blueberry pie,
        ginger cake, cream cake, strawberry tart"""
    ),
    "drink": _w("hot cocoa, warm milk, mint tea, apple juice, lemonade, hot chocolate, honey tea"),
    "flowers": _w(
        "daisies, roses, tulips, bluebells, poppies, sunflowers, buttercups, violets, lilies, wildflowers, snowdrops"
    ),
    "flower": _w("rose, tulip, daisy, sunflower, lily, poppy, bluebell, violet, buttercup, snowdrop"),
    "tree": _w(
        """oak tree, apple tree, pine tree, willow tree, cherry tree, chestnut tree, maple tree, birch tree, pear tree,
        walnut tree, fir tree, beech tree"""
    ),
    "bird": _w("robin, sparrow, swallow, bluebird, blackbird, wren, finch, dove, lark, thrush, magpie"),
    "insect": _w("butterfly, bee, ladybug, dragonfly, beetle, grasshopper, cricket, firefly, ant, snail, moth"),
    "wildplace": _w("""forest, woods, meadow, hills, valley, mountains, field, garden, orchard, marsh, beach, park"""),
    "spot": _w(
        """behind the old barn, under the wooden bridge, beside the pond, in the tall grass, between the roots of the big oak,
        under the garden bench, near the well, behind the mill, on the stone wall, in the bushes, by the river, next to the
        fence, under a pile of leaves, beside the path, in the vegetable garden, behind the shed, at the edge of the woods,
        among the reeds, inside the hollow log, at the bottom of the hill, near the beehives, under the apple tree"""
    ),
    "homespot": _w(
        """under the bed, behind the door, in the cupboard, under the table, in every drawer, on the shelf, behind
        the curtains, in the basket, under the pillows, beside the stove, in the toy box, on the windowsill, under the rug,
        inside all the boots"""
    ),
    "weather": _w(
        """the sun was shining, the sky was blue, a soft wind was blowing, the birds were singing, it was warm and bright,
        the air smelled of flowers, there was not a cloud in the sky, the leaves were dancing in the wind, the grass was wet with
        dew, white clouds drifted over the hills, it was a little cold, the morning was fresh and clear"""
    ),
    "season": _w("spring, summer, autumn, winter"),
    "warmseason": _w("spring, summer"),
    "day": _w(
        "one day, one morning, one sunny day, one afternoon, one fine morning, one bright morning, early one morning, one warm day"
    ),
    "time": _w("after a while, soon, a little later, before long, after some time, a few minutes later"),
    "nextday": _w("the next day, the next morning, the following day, early the next morning, the day after that"),
    "job": _w(
        """baker, farmer, miller, fisherman, shoemaker, tailor, gardener, blacksmith, carpenter, shepherd, woodcutter, potter,
        weaver, clockmaker, beekeeper, lighthouse keeper, teacher, doctor, painter, sailor"""
    ),
    "game": _w("""hide-and-seek, tag, catch, leapfrog, follow the leader, hopscotch"""),
    "monstername": _w("Grum, Thunderfoot, Boulder, Grimble, Smoky, Rumble, Moldo, Zorn, Ember, Grizzle, Hobnob, Krok"),
    "village": _w(
        """Willowbrook, Honeyhill, Greenfield, Stonebridge, Applewood, Merrydale, Oakridge, Riverbend, Foxglove, Sunnyvale,
        Maplewood, Fernhill, Larkspur, Millbrook"""
    ),
    "act": _w(
        """play in the garden, climb trees, look at the stars, sing songs, pick {#flowers}, splash in puddles, run in the
        meadow, tell stories, draw pictures, count the clouds, swim in the lake, watch the birds, collect shells, ask questions,
        help {m} in the kitchen, explore the woods, dance in the rain, play {#game}, bake {#cake}, listen to stories, build little
        houses out of sticks, play with {h.his} {#toy}, watch the boats, chase {#insect2}, sit by the fire, jump in piles of leaves,
        read books, paint with bright colors, roll down the hill, feed the ducks"""
    ),
    "insect2": _w("butterflies, dragonflies, fireflies, grasshoppers, the wind, the leaves"),
    "doing": _w(
        """sitting by the window, walking along the river, playing in the garden, helping {m}, looking for {#fruits}, picking
        {#flowers}, watching the clouds, drawing in the sand, sweeping the floor, building a tower of stones, sitting under a {#tree}"""
    ),
    "dayadj": _w("long and warm, short and cold, bright, full of wind, quiet"),
    "shine": _w("bright, shiny, strange, {#color}, small"),
    "shy": _w("shy, very small, a little sad, unsure"),
    "ashamed": _w("ashamed, sorry, very quiet, red in the face"),
    "hide": _w("under the bed, behind the cupboard, in the garden, in an old box, under the rug"),
    "together": _w(
        "did everything together, played together every day, told each other everything, met every afternoon"
    ),
    "count": _w("three, four, five, six, seven"),
    "lightadj": _w("bright, soft, warm, golden, silver, pale"),
}
LISTS["noise"] = [  # these hold commas
    "tap, tap, tap",
    "scratch, scratch, scratch",
    "bump, bump, bump",
    "squeak, squeak",
    "rustle, rustle",
    "creak, creak",
    "thump, thump, thump",
    "hoo, hoo",
    "drip, drip, drip",
    "scritch, scratch",
    "clink, clink",
]

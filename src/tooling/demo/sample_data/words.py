"""The vocabulary of the generator: people, countries and, for each category, what its posts are about.

Every list is one text, its words separated by semicolons, so that two hundred of them stay readable.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in text.split(";"))


FIRST_NAMES = _words("""
    Ada; Adaeze; Aditi; Agnes; Ahmed; Aiko; Aisha; Alba; Alejandro; Alina; Amara; Amir; Anaïs; Andrej; Anika;
    Anton; Anya; Arjun; Asta; Astrid; Aylin; Bao; Beatriz; Bela; Benedikt; Bianca; Björn; Bogdan; Brigitte;
    Bruno; Camila; Carlos; Cecilia; Chidi; Chiara; Chloé; Clara; Cosmin; Dalia; Damir; Daniela; Davor; Deepa;
    Diego; Dilara; Dmitri; Dorota; Edgar; Ekaterina; Elif; Elio; Elsa; Emeka; Emil; Enzo; Erik; Esther; Eva;
    Fadi; Farah; Fatima; Felipe; Femi; Filip; Flora; Freya; Gabriel; Georgi; Giulia; Grace; Greta; Gustavo;
    Hana; Hannes; Hassan; Helga; Hiro; Hugo; Ibrahim; Ida; Ifeoma; Ilse; Imani; Ines; Ingrid; Irina; Isak;
    Ivo; Jana; Jasper; Javier; Jelena; Jonas; Jorge; Josefina; Joy; Judith; Kaito; Kamala; Karim; Katya;
    Keiko; Kenji; Kofi; Lamar; Lars; Laura; Leila; Lena; Leo; Liam; Lidia; Linh; Lola; Lucía; Luka; Mads;
    Maja; Malik; Mara; Marcin; Mateo; Maya; Mei; Milan; Mina; Miriam; Nadia; Naomi; Nia; Nikola; Nils; Nora;
    Obi; Olga; Omar; Oscar; Paola; Pavel; Petra; Priya; Quentin; Rafael; Rania; Ravi; Renata; Rosa; Ruben;
    Saga; Samir; Sana; Selma; Siobhán; Sofia; Stefan; Sunil; Tariq; Tessa; Thabo; Tomás; Ulla; Uma; Valentina;
    Vera; Viktor; Wanda; Wei; Xenia; Yara; Yusuf; Zainab; Zoë; Zuzana
""")

LAST_NAMES = _words("""
    Abara; Abbasi; Achterberg; Adeyemi; Aguilar; Ahlgren; Akhtar; Albrecht; Almeida; Alonso; Amadi; Andersen;
    Antonov; Aoki; Aragon; Arslan; Asante; Avraham; Aydin; Bakker; Balogh; Banerjee; Baptista; Barros; Bauer;
    Becker; Belova; Benitez; Berglund; Bianchi; Bielak; Blanco; Bogdanov; Bondarenko; Borg; Bosch; Botha;
    Brandt; Brennan; Bruun; Bukowski; Bustos; Cabral; Caldera; Campos; Cardoso; Castellanos; Chaudhry; Chen;
    Chiba; Chukwu; Ciobanu; Claes; Coelho; Conti; Cordeiro; Costa; Cruz; Cvetkov; Dahl; Danso; Delgado; Demir;
    Deng; Desai; Diallo; Dimitrov; Dlamini; Dobrev; Dogan; Domingo; Duarte; Dubois; Dumitru; Dvorak; Eide;
    Ekström; Eriksen; Escobar; Espinoza; Fabre; Falk; Faria; Farkas; Fehér; Fernandes; Ferreira; Fiore;
    Fischer; Fonseca; Forsberg; Franco; Fuentes; Fujita; Gallo; Garrido; Gashi; Gatti; Georgiou; Gerber;
    Ghosh; Gomes; Goto; Grabowski; Greco; Grigoryan; Gruber; Guerra; Gunnarsson; Haas; Haddad; Hakimi;
    Halvorsen; Hansen; Haruna; Hashimoto; Hedlund; Heinonen; Herrera; Hidalgo; Hoang; Holm; Horvat; Hossain;
    Huber; Huerta; Ibáñez; Ibarra; Ikeda; Ivanova; Iyer; Jankowski; Jansen; Jensen; Jha; Jovanovic; Juarez;
    Kamau; Kang; Kaplan; Karlsson; Kato; Kaur; Keita; Keller; Khalil; Kimura; Kiss; Klein; Kobayashi; Koch;
    Kone; Kovacs; Kowalczyk; Kozak; Krause; Kruger; Kumar; Kuznetsov; Lam; Larsen; Laurent; Leclerc; Lehtinen;
    Lenz; Leone; Lind; Lopes; Lukić; Lund; Macedo; Machado; Maes; Mahlangu; Malik; Mancini; Marinov; Marković;
    Martel; Matsuda; Mbeki; Meier; Melo; Mendes; Mensah; Meyer; Mihai; Milani; Mishra; Mohamud; Molina;
    Monteiro; Mori; Moser; Müller; Munteanu; Mwangi; Nagy; Nakamura; Nasser; Ndlovu; Negru; Neumann; Nguyen;
    Nielsen; Nowak; Nunes; Obasi; Ochieng; Odhiambo; Okafor; Olsen; Oliveira; Onyango; Oram; Orozco; Osei;
    Otieno; Özturk; Pacheco; Palma; Papadakis; Park; Patel; Pavlova; Pereira; Petrov; Pham; Pinto; Popescu;
    Prado; Qureshi; Ramos; Rao; Reyes; Rinaldi; Rocha; Romano; Rossi; Ruiz; Sato; Schmid; Serrano; Sharma;
    Silva; Singh; Sørensen; Tanaka; Toth; Vargas; Weber; Yilmaz
""")

COUNTRIES = _words("""
    Afghanistan; Albania; Algeria; American Samoa; Andorra; Angola; Anguilla; Antarctica; Antigua and Barbuda;
    Argentina; Armenia; Aruba; Australia; Austria; Azerbaijan; Bahamas; Bahrain; Bangladesh; Barbados;
    Belarus; Belgium; Belize; Benin; Bermuda; Bhutan; Bolivia; Bosnia and Herzegovina; Botswana; Brazil;
    British Indian Ocean Territory (Chagos Archipelago); British Virgin Islands; Brunei Darussalam; Bulgaria;
    Burkina Faso; Burundi; Cabo Verde; Cambodia; Cameroon; Canada; Cayman Islands; Central African Republic;
    Chad; Chile; China; Christmas Island; Cocos (Keeling) Islands; Colombia; Comoros; Congo;
    Congo, Democratic Republic of the; Cook Islands; Costa Rica; Côte d'Ivoire; Croatia; Cuba; Curaçao;
    Cyprus; Czechia; Denmark; Djibouti; Dominica; Dominican Republic; Ecuador; Egypt; El Salvador;
    Equatorial Guinea; Eritrea; Estonia; Eswatini; Ethiopia; Falkland Islands (Malvinas); Faroe Islands; Fiji;
    Finland; France; French Guiana; French Polynesia; Gabon; Gambia; Georgia; Germany; Ghana; Gibraltar;
    Greece; Greenland; Grenada; Guam; Guatemala; Guinea; Guinea-Bissau; Guyana; Haiti;
    Holy See (Vatican City State); Honduras; Hong Kong; Hungary; Iceland; India; Indonesia; Iran; Iraq;
    Ireland; Israel; Italy; Jamaica; Japan; Jordan; Kazakhstan; Kenya; Kiribati;
    Korea, Democratic People's Republic of; Korea, Republic of; Kuwait; Kyrgyzstan;
    Lao People's Democratic Republic; Latvia; Lebanon; Lesotho; Liberia; Libya; Liechtenstein; Lithuania;
    Luxembourg; Macao; Madagascar; Malawi; Malaysia; Maldives; Mali; Malta; Marshall Islands; Martinique;
    Mauritania; Mauritius; Mexico; Micronesia, Federated States of; Moldova; Monaco; Mongolia; Montenegro;
    Montserrat; Morocco; Mozambique; Myanmar; Namibia; Nauru; Nepal; Netherlands; New Caledonia; New Zealand;
    Nicaragua; Niger; Nigeria; Niue; Norfolk Island; North Macedonia; Northern Mariana Islands; Norway; Oman;
    Pakistan; Palau; Palestine, State of; Panama; Papua New Guinea; Paraguay; Peru; Philippines; Pitcairn;
    Poland; Portugal; Puerto Rico; Qatar; Réunion; Romania; Russia; Rwanda; Saint Barthélemy; Saint Helena;
    Saint Kitts and Nevis; Saint Lucia; Saint Martin (French part); Saint Pierre and Miquelon;
    Saint Vincent and the Grenadines; Samoa; San Marino; São Tomé and Príncipe; Saudi Arabia; Senegal; Serbia;
    Seychelles; Sierra Leone; Singapore; Slovakia; Slovenia; Solomon Islands; Somalia; South Africa;
    South Sudan; Spain; Sri Lanka; Sudan; Suriname; Svalbard and Jan Mayen; Sweden; Switzerland; Syria;
    Taiwan; Tajikistan; Tanzania; Thailand; Timor-Leste; Togo; Tokelau; Tonga; Trinidad and Tobago; Tunisia;
    Türkiye; Turkmenistan; Turks and Caicos Islands; Tuvalu; Uganda; Ukraine; United Arab Emirates;
    United Kingdom; United States of America; United States Virgin Islands; Uruguay; Uzbekistan; Vanuatu;
    Venezuela; Viet Nam; Wallis and Futuna; Western Sahara; Yemen; Zambia; Zimbabwe; Åland Islands
""")

POSTERS = _words("""
    Atelier; Blog; Corner; Crafts; Daily; Design; Diary; Finds; House; Ideas; Journal; Lab; Living; Notes;
    Project; Sketchbook; Studio; Style; Tales; Workshop
""")

OPENINGS = _words("""
    How to plan; A quiet guide to; Seven ways with; My favourite; Small steps towards; Everything about;
    A weekend of; First attempt at; What nobody says about; The year of; Fresh thoughts on; Slow and simple
""")

CLOSINGS = _words("""
    for beginners; in an afternoon; on a small budget; — step by step; | a photo diary; that lasts;
    with friends; at home; (free checklist); you will want to repeat; in 10 minutes; from A to Z
""")

REMARKS = _words("""
    I tried this three times before it worked, and here is what changed.;
    Save it for later and tell me how it went!; All you need is patience, a table and good light.;
    The full list of materials is at the end of the post.; "Less, but better" is the whole idea…;
    No affiliate links, only things that we use ourselves.; Photos were taken on a rainy Sunday in March.;
    It costs less than a lunch & takes less than an hour.;
    Updated after your questions: sizes, colours and prices.; My grandmother did it this way, and so do I.
""")

SUBJECTS = {
    "art": _words("""
        ink landscapes; charcoal portraits; gouache still lifes; paper collage; linocut prints;
        wet-on-wet watercolour; city sketching; abstract colour fields; clay miniatures; pastel skies
    """),
    "beauty": _words("""
        evening skincare; curly hair care; natural nails; a soft brow; rosewater toner; winter lip balm;
        braided updos; sun protection; five-minute make-up; scalp massage
    """),
    "christmas": _words("""
        paper stars; cinnamon wreaths; advent calendars; wool stockings; window garlands; gingerbread houses;
        candle centrepieces; gift wrapping; a table for twelve; snow globes
    """),
    "diy-and-crafts": _words("""
        macramé hangers; concrete pots; upcycled jars; hand-bound notebooks; driftwood shelves;
        block printing; knitted blankets; soap making; cardboard toys; embroidery hoops
    """),
    "education": _words("""
        phonics games; fraction cards; reading corners; classroom rules; science jars; spelling bees;
        morning circles; history timelines; map quizzes; feedback forms
    """),
    "event-planning": _words("""
        garden weddings; seating charts; balloon arches; picnic birthdays; table numbers; guest books;
        tea parties; reunion weekends; lantern evenings; menu cards
    """),
    "finance": _words("""
        a household budget; the envelope method; index funds; paying off debt; an emergency fund;
        side incomes; pension basics; no-spend months; meal costs; tax folders
    """),
    "home-decor": _words("""
        linen curtains; narrow hallways; gallery walls; oak kitchens; reading nooks; warm bathrooms;
        open shelving; rattan lamps; painted arches; balcony floors
    """),
    "mens-fashion": _words("""
        the grey suit; layered knitwear; desert boots; a capsule wardrobe; raw denim; linen shirts;
        rain jackets; wide trousers; wrist watches; leather care
    """),
    "quotes": _words("""
        words on courage; lines about rest; notes to self; proverbs on friendship; short poems;
        words for Mondays; lines about the sea; letters to a daughter; thoughts on change; sayings about time
    """),
    "tattoos": _words("""
        fine-line flowers; geometric sleeves; tiny constellations; botanical forearms; lettering;
        matching symbols; dotwork moons; mountain outlines; healing days; first appointments
    """),
    "travel": _words("""
        night trains; island ferries; packing cubes; mountain huts; street markets; desert camps;
        slow coastlines; old towns on foot; border crossings; camper kitchens
    """),
    "vehicles": _words("""
        vintage scooters; van conversions; electric hatchbacks; gravel bikes; workshop tools; rally wagons;
        café racers; tyre changes; wooden boats; mountain passes
    """),
}
"""What the posts of each category are about; its keys are the categories."""

TAGS = _words("""
    Inspiration; Ideas; Tutorial; Step By Step; Minimal; Colour; Handmade; Beginner; Weekend Project;
    Aesthetic; Checklist; How To; Favourites; 2022 Trends; Small Spaces; Family; Slow Living
""")
"""Tags of any category; each category's own subjects are tags too."""

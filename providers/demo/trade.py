"""What the simulated company of all four engines is busy with: orders, claims, invoices, articles.

A case follows from the clock alone, so that worlds that know nothing of each other work at the same
orders at the same time, and still do after a restart. Every name here is made up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

EVERY = timedelta(minutes=2)  # between two new cases
OLDEST = 8  # cases that are worked at beside each other

CUSTOMERS = (
    "Brandt Möbel", "Nordlicht Logistik", "Hofer & Söhne", "Kessler Metallbau", "Åkesson Trä",
    "Café Lumière", "Atelier Dubois", "Praxis Lindenhof", "Gärtnerei Grün", "Møller Bygg",
    "Ferretería Núñez", "Hotel Belvédère", "Schröder Optik", "Fjordbyen Kontor", "Studio Čapek",
    "Zürcher Raumwerk", "Maison Élise", "Tannhof Bäckerei", "Óbidos Cerâmica", "Kraus Werkzeuge",
)  # fmt: skip
ARTICLES = (
    ("88-1204-7", "oak bench, three seats"), ("88-1310-2", "office chair Oslo"),
    ("71-0442-9", "wall lamp, brass"), ("71-0518-0", "desk lamp Malmö"),
    ("64-2077-1", "shelf system, five boards"), ("64-2090-5", "standing desk"),
    ("52-3301-6", "gearbox cover"), ("52-3388-4", "hinge, left"), ("40-0915-3", "garden table"),
    ("40-0977-8", "garden chair, folding"),
)  # fmt: skip
ERP_AWAY = "The ERP erp.nordhafen.example did not answer within 30 s"  # said by three engines
CARRIERS = ("Nordkurier", "Alpenfracht", "Rhône Express")


@dataclass(frozen=True)
class Case:
    """One piece of business. Amounts are texts, as the engines carry them."""

    order: str
    claim: str
    invoice: str
    customer: str
    article: str
    product: str
    carrier: str
    amount: str
    pieces: int


def case_at(moment: datetime, chance: Random) -> Case:
    """One of the cases that are worked at in that moment."""
    return case(int(moment.timestamp() // EVERY.total_seconds()) - chance.randrange(OLDEST))


def case(number: int) -> Case:
    """The case of that number; the same for everybody who asks. A claim or an invoice covers
    several orders."""
    facts = Random(number)
    article, product = facts.choice(ARTICLES)
    return Case(
        order=f"ORD-{10_000 + number % 90_000}",
        claim=f"CLM-{10_000 + number // 12 % 90_000}",
        invoice=f"INV-{10_000 + number // 4 % 90_000}",
        customer=facts.choice(CUSTOMERS),
        article=article,
        product=product,
        carrier=facts.choice(CARRIERS),
        amount=f"EUR {facts.randrange(180, 24_000):,}.{facts.randrange(100):02d}",
        pieces=facts.randrange(1, 40),
    )

"""The words that the demo's people, projects and terms are made of. Nobody real is in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """One domain in one language: heads and qualifiers that combine to names of terms."""

    domain: str
    language: str
    title: str
    heads: tuple[str, ...]
    qualifiers: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many different names there are."""
        return len(self.heads) * len(self.qualifiers)

    def name(self, number: int) -> str:
        """The name of that number; numbers above `size` begin again. English puts the head last."""
        head = self.heads[number % len(self.heads)]
        qualifier = self.qualifiers[number // len(self.heads) % len(self.qualifiers)]
        return f"{qualifier} {head}" if self.language == "en" else f"{head} {qualifier}"


def _vocabulary(line: str) -> Vocabulary:
    domain, language, title, heads, qualifiers = (part.strip() for part in line.split("|"))
    return Vocabulary(
        domain, language, title, tuple(heads.split(", ")), tuple(qualifiers.split(", "))
    )


# French and Spanish qualifiers begin with a preposition, so they fit heads of either gender.
VOCABULARIES = tuple(
    _vocabulary(" ".join(entry.split()))
    for entry in """
biology | en | Cell biology glossary
| pathway, receptor, membrane, enzyme, signal, gene, tissue, gradient, marker, cycle
| regulatory, dormant, inherited, surface, transient, nuclear, induced, selective, stable, maternal

biology | fr | Lexique de biologie
| voie, membrane, enzyme, signal, gène, tissu, gradient, marqueur, cycle, réseau
| de régulation, de surface, de croissance, de réserve, de transport, au repos, sous contrainte,
de contrôle, de défense, en culture

biology | es | Léxico de biología
| ruta, membrana, enzima, señal, gen, tejido, gradiente, marcador, ciclo, red
| de regulación, de superficie, de crecimiento, de reserva, de transporte, en reposo, bajo estrés,
de control, de defensa, en cultivo

law | en | Contract law terms
| clause, remedy, notice, obligation, party, breach, licence, warranty, waiver, claim
| implied, express, material, joint, conditional, exclusive, standing, written, partial, third-party

law | fr | Vocabulaire du droit des contrats
| clause, recours, avis, obligation, partie, licence, garantie, délai, preuve, renonciation
| de bonne foi, de plein droit, de moyens, de résultat, par écrit, à terme, de révision,
sous condition, en commun, de droit privé

law | es | Vocabulario de contratos
| cláusula, recurso, aviso, obligación, parte, licencia, garantía, plazo, prueba, renuncia
| de buena fe, de pleno derecho, de medios, de resultado, por escrito, a término, de revisión,
bajo condición, en común, de derecho privado

finance | en | Reporting vocabulary
| asset, balance, reserve, ledger, rate, exposure, position, margin, forecast, provision
| current, deferred, net, floating, hedged, restricted, consolidated, annual, audited, interim

finance | fr | Glossaire de comptabilité
| actif, solde, réserve, registre, taux, position, marge, prévision, provision, seuil
| de clôture, à court terme, de change, en devise, de couverture, de gestion, sous réserve,
par exercice, de référence, en suspens

finance | es | Glosario de contabilidad
| activo, saldo, reserva, registro, tipo, posición, margen, previsión, provisión, umbral
| de cierre, a corto plazo, de cambio, en divisa, de cobertura, de gestión, con reservas,
por ejercicio, de referencia, en suspenso

software | en | Platform language
| index, queue, snapshot, migration, replica, cache, schema, contract, release, worker
| read-only, partial, rolling, shared, idle, versioned, nightly, reversible, pinned, remote

software | fr | Langage de la plateforme
| index, file, instantané, migration, réplique, cache, schéma, contrat, version, tâche
| en lecture, de secours, en attente, de nuit, à distance, de production, de référence, en série,
par lot, de reprise

software | es | Lenguaje de la plataforma
| índice, cola, instantánea, migración, réplica, caché, esquema, contrato, versión, tarea
| de lectura, de respaldo, en espera, de noche, a distancia, de producción, de referencia,
en serie, por lote, de reanudación
""".strip().split("\n\n")
)

SETTINGS = {
    "en": (
        "what the team says when two sources disagree",
        "the sense that reviewers check before they validate an entry",
        "used in reports, never in marketing texts",
        "narrower than everyday use; see the examples",
        "the older word is kept as a synonym",
        "agreed at the spring meeting and due for another look in a year",
        "taken over from the handbook, then shortened",
        "applies only inside this project",
    ),
    "fr": (
        "ce que dit l'équipe quand deux sources se contredisent",
        "le sens que les relecteurs vérifient avant de valider",
        "employé dans les rapports, jamais dans les textes publics",
        "plus étroit que dans l'usage courant ; voir les exemples",
        "l'ancien mot reste comme synonyme",
        "convenu à la réunion de printemps, à revoir dans un an",
        "repris du manuel, puis abrégé",
        "ne vaut que dans ce projet",
    ),
    "es": (
        "lo que dice el equipo cuando dos fuentes no coinciden",
        "el sentido que los revisores comprueban antes de validar",
        "se usa en informes, nunca en textos públicos",
        "más estrecho que en el uso común; véanse los ejemplos",
        "la palabra antigua queda como sinónimo",
        "acordado en la reunión de primavera; se revisa en un año",
        "tomado del manual y luego abreviado",
        "vale solo dentro de este proyecto",
    ),
}

PURPOSES = {
    "en": ("One language for all our documents.", "Terms for the course readers.", "For the API."),
    "fr": ("Une langue commune pour nos documents.", "Pour les supports de cours.", "Pour l'API."),
    "es": ("Un lenguaje común para los documentos.", "Para los cursos.", "Para la API."),
}

COUNTRIES = (
    ("en", "GB"), ("en", "US"), ("en", "CA"), ("en", "IE"),
    ("fr", "FR"), ("fr", "BE"), ("fr", "CA"), ("fr", "CH"),
    ("es", "ES"), ("es", "MX"), ("es", "CL"), ("es", "AR"),
)  # fmt: skip

GIVEN = (
    "Alice", "Amir", "Ana", "Anne", "Antoine", "Carlos", "Carmen", "Chloé", "Claire", "Daniel",
    "David", "Diego", "Elena", "Emma", "Eric", "Fatima", "Grace", "Hannah", "Hugo", "Ines",
    "Isabel", "Jack", "James", "Jean", "Jorge", "José", "Julia", "Karim", "Laura", "Léa", "Lucía",
    "Marie", "Mark", "Marta", "Mei", "Nadia", "Noah", "Olga", "Pablo", "Paul", "Rosa", "Ryan",
    "Sara", "Sofia", "Thomas", "Yuki",
)  # fmt: skip
FAMILY = (
    "Adams", "Bernard", "Blanc", "Brown", "Castro", "Chen", "Clark", "Cruz", "Davies", "Díaz",
    "Dubois", "Durand", "Evans", "Fournier", "García", "Girard", "Gómez", "Green", "Hall", "Hill",
    "Ibrahim", "Johnson", "Khan", "King", "Lambert", "Lee", "López", "Martin", "Martínez",
    "Moreau", "Morris", "Nguyen", "Ortiz", "Pérez", "Petit", "Ramos", "Robert", "Roux", "Ruiz",
    "Singh", "Smith", "Torres", "Vega", "Walker", "White", "Wilson", "Young",
)  # fmt: skip
INSTITUTIONS = (
    "Open Terminology Workshop",
    "Harbour City Library",
    "North Valley College",
    "Regional Health Observatory",
    "Bureau des Traducteurs",
    "Taller de Lenguas",
)

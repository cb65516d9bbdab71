"""Which names of attributes and columns look as if they said whom a shop may write to.

What belongs here: the words, in the seven languages of headers. What does not: what is done about
such a name (``sources.mappings.consent``, ``segments.audience``).

A name that is asked about for nothing costs its shop one line in a mapping; one that is not asked
about costs a letter to somebody who refused it. So parts of words count too.
"""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})
_CHANNEL = (
    r"(e_?mails?|mails?|mailings?|sms|text|whats_?app|push|phone|tel|telefono?|telephone|calls?|post"
    r"|posta|contact(o|ar|er)?|contato|contatto|kontakt|marketing|news|newsletter|adverts?"
    r"|advertising|werbung|publicite|publicidade?|pub|pubblicita|reclame|correo|courriel|correio)"
)
_YES = (
    r"(ok|okay|status|state|yes|allow(s|ed)?|permitted|accept(s|ed)?|agreed|enabled|active|wanted"
    r"|erlaubt|gewunscht|ja|autorise|accepte|oui|permitido|aceptado|aceito|aceite|si|sim"
    r"|autorizado|accettato|consentito|toegestaan|gewenst)"
)
_TAKES = (
    r"(may|can|accepts?|accepted|allows?|allowed|agrees?|agreed|wants?|receives?|enable[sd]?"
    r"|darf|mochte|accepte|recoit|veut|acepta|recibe|quiere|aceita|recebe|quer|accetta|riceve"
    r"|vuole|accepteert|ontvangt|wil)"
)
# of the name in small letters without accents, all else one "_"; "_" at both ends
_MAY = re.compile(
    # English, and what is said alike in others (consentement, permiso, optin)
    r"consen[ts]|permis|opt(ed|s|ing)?_?in|newsletter|mailing_?list|subscri|gdpr|contactable"
    r"|reachable|double_?opt|_doi_"
    # German
    r"|dsgvo|einwillig|eingewilligt|zustimm|zugestimmt|einverstand|erlaubnis|abonn|rundbrief|werbe"
    r"|angemeldet"
    # French, Spanish, Italian, Portuguese, Dutch
    r"|rgpd|_accord_|autoris|infolettre|lopd|autoriz|suscri|boletin|boletim|lgpd|inscri|_iscri"
    r"|toestemming|akkoord|nieuwsbrief|aangemeld"
    r"|mailable|gestattet|kontaktiert_werden|_souhaite_"
    r"|_(essere|ser)_conta(tt|c?t)a|_mag_(\w+_)?(mail|gemaild|bel|gebeld)"
    rf"|_ok(ay)?_to_|_(e_?mail|sms|push|phone|whats_?app|direct)_marketing_|_{_CHANNEL}_opt_"
    rf"|_{_CHANNEL}_(\w+_)?{_YES}_|_{_TAKES}_(\w+_)?{_CHANNEL}_"
)
_NO = (
    r"(no(?!_of_)|not|never|dont|don_t|stop|block(ed)?|kein(e|en)?|nicht|nie|pas_de|aucune?"
    r"|ne_pas|sin|nao|sem|non|niente|geen|niet)"
)
_MUST_NOT = re.compile(
    # English
    r"opt(ed|s|ing)?_?out|unsubscri|suppress|do_?not|dont_|don_t_|_dn[cm]_|_dnc|black_?list"
    r"|block_?list|deny_?list|_blocked|bounced|hard_?bounce|complained_of_mail|spam_?complaint"
    r"|deceased|objected|objection|withdrawn|revoked|preference_?service"
    # German
    r"|widerspr|widerruf|abgemeldet|abmeld|abbestell|gesperrt|sperrliste|sperrvermerk|werbesperre"
    r"|mailsperre|robinson|verstorben|nicht_\w*(schreiben|kontakt|anrufen|mailen|werben)"
    # French
    r"|desabonn|desinscri|oppos|refus|liste_(noire|rouge)|bloctel|decede|bloque"
    # Spanish, Portuguese
    r"|desuscri|_baja_|lista_(negra|robinson)|fallecid|falecid|descadastr|cancelou_|bloquead"
    # Italian, Dutch
    r"|disiscri|disdett|lista_nera|deceduto|bloccat|revoca|afgemeld|uitgeschreven|geblokkeerd"
    r"|overleden|bezwaar|zwarte_lijst|bel_me_niet"
    rf"|_noe?mails?_|_(rechaza|recusa)\w*_(\w+_)?{_CHANNEL}_|_ne_\w+_pas_(\w+_)?conta"
    rf"|_{_NO}_(\w+_)?{_CHANNEL}_|_{_CHANNEL}_(\w+_)?(stop|block(ed)?|refused?)_"
    r"|_(non|nao|no|niet|ne_pas)_(\w+_)?(contat|contact|contrat|envi|invia|molest|disturb"
    r"|perturb|mailen|bellen|benader|ecrire|appeler)"
)


def plain(name: str) -> str:
    """A name in small letters without accents, its words between ``_``: ``_opt_in_``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    folded = unicodedata.normalize("NFKD", parted.casefold().translate(_LETTERS))
    letters = "".join(c for c in folded if not unicodedata.combining(c))
    return f"_{re.sub('[^a-z0-9]+', '_', letters).strip('_')}_"


def looks_forbidden(name: str) -> bool:
    """Whether an attribute seems to say who must not be written to."""
    return bool(_MUST_NOT.search(plain(name)))


def looks_allowed(name: str) -> bool:
    """Whether an attribute seems to say who may be written to."""
    return not looks_forbidden(name) and bool(_MAY.search(plain(name)))

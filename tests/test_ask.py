import pytest

from moot.forms import Close, Speak, open_form
from moot.transcript import Ballot, Heading, Invalid, Participant, Question, Text, Transcript, Turn, freeze

PAIR = (Participant("Ada", "person"), Participant("Bo", "person"))
TOLD = {"of": "Bo", "question": "Agreed?", "options": ["yes", "no"], "after": 1}


def heading(**changed: object) -> Heading:
    return Heading(PAIR, form="ask", arguments=freeze(TOLD | changed))


def test_the_question_is_put_once_and_to_one() -> None:
    before = Transcript(heading(), (Turn("Ada", (Text("So."),)),))
    form = open_form(before.heading)
    assert form(before) == Speak("Bo", Question("Agreed?", ("yes", "no")))
    answered = before.then(Turn("Bo", (Ballot("Agreed?", ("yes", "no"), "no"),), ()))
    assert form(answered) == Close("the question is answered")
    assert form(before.then(Turn("Bo", (), ()))) == Close("the question got no answer")


def test_options_are_shown_in_a_seeded_order_where_that_is_asked_for() -> None:
    options = [str(number) for number in range(1, 8)]
    move = open_form(heading(options=options, shuffle=True, after=0))(Transcript(heading(shuffle=True)))
    assert isinstance(move, Speak)
    assert move.ask
    assert sorted(move.ask.options) == options
    assert list(move.ask.options) != options


@pytest.mark.parametrize("changed", [{"of": "Cy"}, {"options": "yes"}, {"options": ["yes"]}, {"after": None, "x": 1}])
def test_a_question_that_makes_no_sense_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        open_form(heading(**changed))(Transcript(heading(**changed)))

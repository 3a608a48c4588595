from __future__ import annotations

import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.commands import Answer, commands
from moot.config import Config, ConfigError, load
from moot.prices import Rates
from moot.spending import Caps
from moot.voices.endpoints import KNOWN, Endpoint, Quirks

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[1] / "docs" / "configuration.md"

LAB = '[endpoints.lab]\nbase_url = "https://lab.example/v1"\nkey_env = "LAB_KEY"\n'


class Home:
    """A user's own folder beside a project's, and what moot makes of both."""

    def __init__(self, folder: Path) -> None:
        self.own = folder / "home"
        self.project = folder / "project"
        self.own.mkdir()
        self.project.mkdir()
        (self.project / ".git").mkdir()

    def says(self, own: str = "", project: str = "", name: str = "moot.toml") -> Home:
        for path, text in ((self.own / "config.toml", own), (self.project / name, project)):
            path.write_text(text) if text else path.unlink(missing_ok=True)
        return self

    def load(self, folder: str = ".", **environ: str) -> Config:
        return load(self.project / folder, {"MOOT_HOME": str(self.own), **environ})

    def trusting(self, own: str = "") -> str:
        return f"trusted = [{str(self.project)!r}]\n{own}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


def test_without_any_file_the_known_endpoints_hold_and_nothing_is_capped(home: Home) -> None:
    config = home.load()
    assert config.endpoints == KNOWN
    assert config.limits.conversation == config.limits.run == Caps()
    assert (config.sources, dict(config.prices)) == ((), {})


def test_every_setting_is_read(home: Home) -> None:
    config = home.says(
        LAB + 'wire = "openai-responses"\nrequests_per_minute = 60\ntokens_per_minute = 90000\nconcurrency = 4\n'
        '[endpoints.lab.quirks]\nalternate = true\ncontext = 8192\nballots = "grammar"\n'
        '[prices."lab:m"]\ninput = 0.1\noutput = 1\ncached = 0.01\ncache_write = 0\n'
        "[limits]\nturns = 40\ntokens = 100000\ndollars = 0.1\nseconds = 0.3\n[limits.run]\ndollars = 5\n"
    ).load()
    assert config.endpoints["lab"] == Endpoint(
        "lab",
        "https://lab.example/v1",
        "LAB_KEY",
        "openai-responses",
        Quirks(alternate=True, context=8192, ballots="grammar"),
        60,
        90000,
        4,
        own=True,
    )
    assert config.prices["lab:m"] == Rates(Decimal("0.1"), Decimal(1), Decimal("0.01"), Decimal(0))
    assert config.limits.conversation == Caps(40, 100000, Decimal("0.1"), 0.3)
    assert config.limits.run == Caps(dollars=Decimal(5))
    assert config.sources == (home.own / "config.toml",)


def test_the_project_wins_over_the_user_and_the_environment_over_both(home: Home) -> None:
    home.says("[limits]\nturns = 40\ntokens = 9\nseconds = 3\n", "[limits]\nturns = 30\ntokens = 8\n")
    config = home.load(MOOT_LIMITS_TURNS="50", MOOT_LIMITS_RUN_DOLLARS=" 0.25 ", MOOT_LIMITS_TOKENS="")
    assert config.limits.conversation == Caps(turns=50, tokens=8, seconds=3)
    assert config.limits.run == Caps(dollars=Decimal("0.25"))
    assert config.sources == (home.project / "moot.toml", home.own / "config.toml")


def test_a_known_endpoint_is_adjusted_and_stays_known(home: Home) -> None:
    mistral = home.says("[endpoints.mistral]\nconcurrency = 2\n[endpoints.mistral.quirks]\nlogprobs = true\n").load()
    found, usual = mistral.endpoints["mistral"], KNOWN["mistral"]
    assert (found.base_url, found.key_env, found.own) == (usual.base_url, usual.key_env, False)
    assert (found.concurrency, found.quirks.logprobs, found.quirks.ballots) == (2, True, usual.quirks.ballots)


def test_the_nearest_file_is_found_up_to_the_top_of_the_repository(home: Home) -> None:
    inner = home.project / "a" / "b"
    inner.mkdir(parents=True)
    (home.project.parent / "moot.toml").write_text("[limits]\nturns = 1\n")
    assert home.load("a/b").sources == ()
    home.says(project="[limits]\nturns = 2\n")
    assert home.load("a/b").limits.conversation.turns == 2
    (home.project / "a" / "pyproject.toml").write_text("[tool.moot.limits]\nturns = 3\n")
    assert home.load("a/b").limits.conversation.turns == 3
    (inner / "pyproject.toml").write_text("[tool.other]\n")
    assert home.load("a/b").limits.conversation.turns == 3
    (home.project / "a" / "moot.toml").write_text("[limits]\nturns = 4\n")
    assert home.load("a/b").limits.conversation.turns == 4


def test_the_search_ends_at_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.project / ".git").rmdir()
    (home.project.parent / "moot.toml").write_text("[limits]\nturns = 1\n")
    assert home.load().limits.conversation.turns == 1
    monkeypatch.setenv("HOME", str(home.project))
    assert home.load().limits.conversation.turns is None


def test_a_user_without_a_home_has_a_project_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert home.says(project="[limits]\nturns = 2\n").load().limits.conversation.turns == 2


def test_without_moot_home_the_platforms_folder_is_the_users(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.own))
    (home.own / "moot").mkdir()
    (home.own / "moot" / "config.toml").write_text("[limits]\nturns = 7\n")
    assert load(None, {}).limits.conversation.turns == 7


WRONG = {
    "[limit]\n": "limit: no such setting; did you mean 'limits'?",
    "[limits]\nturn = 1\n": "limits.turn: no such setting; did you mean 'turns'?",
    "[limits.run]\nxyz = 1\n": "limits.run.xyz: no such setting; there are turns, tokens, dollars, seconds",
    "limits = 3\n": "limits: it is a table of settings",
    "[limits]\nrun = 3\n": "limits.run: it is a table of settings",
    "[limits]\nturns = -1\n": "limits.turns: it is a number from 0 up",
    "[limits]\nturns = 1.5\n": "limits.turns: it is a whole number, not 1.5",
    "[limits]\ndollars = inf\n": "limits.dollars: it is a number from 0 up",
    "[limits]\ndollars = true\n": "limits.dollars: it is a number from 0 up",
    '[limits]\ndollars = "5"\n': "limits.dollars: it is a number from 0 up",
    '[endpoints]\nlab = "sk-secret"\n': "endpoints.lab: it is a table of settings",
    "[endpoints.lab]\nconcurrency = 1\n": "endpoints.lab.base_url: it is missing",
    '[endpoints.lab]\nbase_ur = "x"\n': "endpoints.lab.base_ur: no such setting; did you mean 'base_url'?",
    '[endpoints.lab]\nbase_url = "ftp://x"\n': "endpoints.lab.base_url: it has the form http://HOST/PATH",
    '[endpoints.lab]\nbase_url = "https://u:p@x"\n': "endpoints.lab.base_url: it has the form",
    '[endpoints.lab]\nbase_url = "https://u@x"\n': "endpoints.lab.base_url: it has the form",
    '[endpoints.lab]\nbase_url = "https://x/?key=1"\n': "endpoints.lab.base_url: it has the form",
    '[endpoints.lab]\nbase_url = "https://x:99999"\n': "endpoints.lab.base_url: it has the form",
    '[endpoints.lab]\nbase_url = "https://[::1"\n': "endpoints.lab.base_url: it has the form",
    '[endpoints.lab]\nbase_url = "https://"\n': "endpoints.lab.base_url: it has the form",
    "[endpoints.lab]\nbase_url = 3\n": "endpoints.lab.base_url: it is a text in quotes",
    '[endpoints.lab]\nbase_url = "https://x"\nkey_env = "sk-secret"\n': "endpoints.lab.key_env: it is the name of",
    '[endpoints.lab]\nbase_url = "https://x"\nwire = "chat"\n': "endpoints.lab.wire: it is one of anthropic, openai-",
    "[endpoints.groq]\nconcurrency = 0\n": "endpoints.groq.concurrency: it is a whole number from 1 up",
    "[endpoints.groq]\nconcurrency = true\n": "endpoints.groq.concurrency: it is a whole number from 1 up",
    "[endpoints.groq.quirks]\ncontext = -1\n": "endpoints.groq.quirks.context: it is a whole number from 0 up",
    "[endpoints.groq.quirks]\nsystem = 1\n": "endpoints.groq.quirks.system: it is true or false",
    "[endpoints.groq.quirks]\nsistem = true\n": "endpoints.groq.quirks.sistem: no such setting; did you mean 'system'?",
    '[endpoints.Lab]\nbase_url = "https://x"\n': "endpoints.Lab: an endpoint is named by small letters",
    '[endpoints.openai]\nbase_url = "https://x"\n': "endpoints.openai.base_url: of openai, only requests_per_minute, ",
    '[endpoints.anthropic]\nkey_env = "X_KEY"\n': "endpoints.anthropic.key_env: of anthropic, only requests_per_minute",
    "[endpoints.openai.quirks]\nsystem = false\n": "endpoints.openai.quirks: of openai, only requests_per_minute, ",
    '[endpoints.openai]\nbase_ur = "x"\n': "endpoints.openai.base_ur: no such setting; did you mean 'base_url'?",
    '[endpoints.person]\nbase_url = "https://x"\n': "endpoints.person: an endpoint is named by",
    '[prices."gpt-5"]\ninput = 1\noutput = 1\n': "prices.gpt-5: a price belongs to a voice",
    '[prices."openai:x"]\ninput = 1\n': "prices.openai:x.output: it is missing",
    '[prices."openai:x"]\ninput = -1\noutput = 1\n': "prices.openai:x.input: it is a number from 0 up",
    '[prices."openai:x"]\ninput = 1\noutput = 1\nreasoning = 1\n': "prices.openai:x.reasoning: no such setting",
    "trusted = 3\n": "trusted: it is a list of folders",
    "trusted = [3]\n": "trusted: it is a list of folders",
    'trusted = ["here"]\n': "trusted: 'here' is no absolute folder",
    'trusted = ["~no-such-user-here/x"]\n': "trusted: '~no-such-user-here/x' is no absolute folder",
    'trusted = ["/a\\u0000b"]\n': "trusted: '/a\\x00b' is no absolute folder",
    "[limits\n": "it is not TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_in_one_line_with_the_file_and_the_key_and_no_secret(home: Home, text: str) -> None:
    with pytest.raises(ConfigError) as told:
        home.says(text).load()
    line = str(told.value)
    assert line.startswith(f"{home.own / 'config.toml'}: {WRONG[text]}")
    assert "\n" not in line
    assert "sk-secret" not in line


def test_a_file_that_is_no_utf8_or_cannot_be_read_or_too_deep_is_told(home: Home) -> None:
    file = home.own / "config.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="it is not UTF-8"):
        home.load()
    file.write_text(f"limits = {'[' * 20000}{']' * 20000}\n")
    with pytest.raises(ConfigError, match="nested too deeply"):
        home.load()
    file.unlink()
    loop = home.project / "moot.toml"
    loop.write_text("")
    if os.geteuid():
        loop.chmod(0)
        with pytest.raises(ConfigError, match="it cannot be read"):
            home.load()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MOOT_LIMITS_DOLARS", "1", "MOOT_LIMITS_DOLARS: no such setting; did you mean 'MOOT_LIMITS_DOLLARS'?"),
        ("MOOT_LIMITS_TURNS", "many", "MOOT_LIMITS_TURNS: it is a number, not 'many'"),
        ("MOOT_LIMITS_TURNS", "2.5", "limits.turns: it is a whole number, not 2.5"),
        ("MOOT_LIMITS_RUN_DOLLARS", "nan", "limits.run.dollars: it is a number from 0 up"),
    ],
)
def test_a_wrong_variable_is_told(home: Home, name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        home.load(**{name: value})


STOLEN = {
    '[endpoints.openrouter]\nbase_url = "https://evil.example/v1"\n': "send what is meant for this endpoint elsewhere",
    '[endpoints.openrouter]\nbase_url = "http://127.0.0.1:9/v1"\n': "send what is meant for this endpoint elsewhere",
    '[endpoints.openrouter]\nkey_env = "GROQ_API_KEY"\n': "send what is meant for this endpoint elsewhere",
    '[endpoints.openrouter]\nwire = "anthropic"\n': "send what is meant for this endpoint elsewhere",
    '[endpoints.ollama]\nbase_url = "http://evil.example"\n': "send what is meant for this endpoint elsewhere",
    '[endpoints.ollama]\nkey_env = "GROQ_API_KEY"\n': "the key of another endpoint (GROQ_API_KEY)",
    '[endpoints.x]\nbase_url = "http://evil.example"\nkey_env = "AWS_SECRET_KEY"\n': "sent away from this machine",
    '[endpoints.x]\nbase_url = "http://127.0.0.1.evil.example"\nkey_env = "ANY"\n': "sent away from this machine",
    '[endpoints.x]\nbase_url = "http://127.0.0.1:9"\nkey_env = "OPENAI_API_KEY"\n': "the key of another endpoint",
    '[endpoints.x]\nbase_url = "http://127.0.0.1:9"\nkey_env = "ANTHROPIC_API_KEY"\n': "the key of another endpoint",
    '[endpoints.x]\nbase_url = "http://127.0.0.1:9"\nkey_env = "GEMINI_API_KEY"\n': "the key of another endpoint",
    '[endpoints.x]\nbase_url = "http://127.0.0.1:9"\nkey_env = "LAB_KEY"\n': "the key of another endpoint",
    '[endpoints.lab]\nbase_url = "https://evil.example/v1"\nkey_env = "LAB_KEY"\n': "send what is meant",
    "[limits]\ndollars = 6\n": "cannot allow more than your own config.toml (5)",
    'trusted = ["/"]\n': "only your own config.toml can say",
}


@pytest.mark.parametrize("name", ["moot.toml", "pyproject.toml"])
@pytest.mark.parametrize("text", STOLEN)
def test_a_projects_file_cannot_say_where_keys_go(home: Home, text: str, name: str) -> None:
    tables = text.replace("[", "[tool.moot.", 1) if text.startswith("[") else f"[tool.moot]\n{text}"
    home.says(LAB + "[limits]\ndollars = 5\n", tables if name == "pyproject.toml" else text, name)
    with pytest.raises(ConfigError, match=re.escape(STOLEN[text])) as told:
        home.load()
    assert str(told.value).startswith(str(home.project / name))


@pytest.mark.parametrize("text", [one for one in STOLEN if "trusted" not in one])
def test_a_trusted_folders_file_counts_as_the_users_own(home: Home, text: str) -> None:
    assert home.says(home.trusting(LAB + "[limits]\ndollars = 5\n"), text).load().trusted


HARMLESS = {
    '[endpoints.x]\nbase_url = "http://far.example/v1"\n': "x",
    '[endpoints.x]\nbase_url = "http://localhost:9"\nkey_env = "X_KEY"\n': "x",
    '[endpoints.x]\nbase_url = "http://[::1]:9"\nkey_env = "X_KEY"\n': "x",
    '[endpoints.ollama]\nbase_url = "http://127.0.0.1:9"\n': "ollama",
    "[endpoints.openai]\nrequests_per_minute = 50\ntokens_per_minute = 9000\nconcurrency = 2\n": "openai",
    "[endpoints.openrouter]\nconcurrency = 2\n[endpoints.openrouter.quirks]\nsystem = false\n": "openrouter",
}


@pytest.mark.parametrize("text", HARMLESS)
def test_a_projects_file_can_name_servers_that_get_no_key_of_others(home: Home, text: str) -> None:
    config = home.says(LAB, text).load()
    assert not config.trusted
    name = HARMLESS[text]
    table = tomllib.loads(text)["endpoints"][name]
    assert config.endpoints[name].base_url == table.get("base_url", KNOWN.get(name, config.endpoints[name]).base_url)


def test_a_projects_file_can_lower_a_limit(home: Home) -> None:
    assert home.says("[limits]\ndollars = 5\n", "[limits]\ndollars = 4.5\nturns = 9\n").load().limits.conversation == (
        Caps(turns=9, dollars=Decimal("4.5"))
    )


def test_an_endpoint_that_moves_does_not_take_its_key_along_unless_that_is_said(home: Home) -> None:
    moved = '[endpoints.openrouter]\nbase_url = "https://proxy.example/v1"\n'
    assert home.says(moved).load().endpoints["openrouter"].key_env == ""
    said = home.says(f'{moved}key_env = "OPENROUTER_API_KEY"\n').load().endpoints["openrouter"]
    assert (said.key_env, said.own) == ("OPENROUTER_API_KEY", True)
    same = '[endpoints.openrouter]\nbase_url = "https://openrouter.ai/api/v2"\n'
    assert home.says(same).load().endpoints["openrouter"].key_env == "OPENROUTER_API_KEY"


KEYS = ["ollama", "lab", "run", "turns", "base_url", "quirks", "a:b", "input"]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["endpoints", "prices", "limits", "x"]), VALUES))
def test_any_tables_are_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, tables: Any) -> None:
    home = Home(tmp_path_factory.mktemp("any"))
    home.says(_toml(tables))
    try:
        home.load()
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


def _toml(value: Any) -> str:
    return "".join(f"{_inline(key)} = {_inline(one)}\n" for key, one in value.items())


def _inline(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case dict():
            return f"{{{', '.join(f'{_inline(key)} = {_inline(one)}' for key, one in value.items())}}}"
        case list():
            return f"[{', '.join(map(_inline, value))}]"
        case _:
            return '"' + "".join(f"\\U{ord(char):08X}" for char in str(value) if not "\ud800" <= char <= "\udfff") + '"'


def test_a_wrong_file_ends_a_command_with_code_2_and_doctor_goes_on(
    moot_: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("moot.toml").write_text("[limits]\nturn = 3\n")
    answer = moot_("cost")
    assert (answer.code, answer.err) == (
        2,
        f"moot: {tmp_path / 'moot.toml'}: limits.turn: no such setting; did you mean 'turns'?\n",
    )
    doctor = moot_("doctor")
    assert doctor.code == 1
    assert "did you mean 'turns'" in doctor.out
    assert "ollama:MODEL" in doctor.out


def test_voices_and_doctor_know_the_endpoints_of_the_configuration(
    moot_: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (Path(os.environ["MOOT_HOME"]) / "config.toml").write_text(LAB)
    rows = {row["voice"]: row for row in moot_("voices", "--json").json}
    assert rows["lab:MODEL"] == {
        "voice": "lab:MODEL",
        "what": "your endpoint at https://lab.example/v1",
        "ready": False,
        "needs": "a key in LAB_KEY",
    }
    assert rows["ollama:MODEL"]["ready"] is True
    monkeypatch.setenv("LAB_KEY", "lab-key-of-some-length")
    doctor = moot_("doctor").out
    assert "config.toml" in doctor
    assert "LAB_KEY comes from the environment (ends in ngth)" in doctor
    Path("moot.toml").write_text("")
    assert "not trusted to say where keys go" in moot_("doctor").out


def test_a_command_goes_on_in_a_folder_that_is_gone(
    moot_: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert moot_("keys", "path").code == 0


def test_the_limits_of_the_configuration_hold_and_an_option_can_only_lower_them(
    moot_: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ada.txt").write_text("One.\nTwo.\nThree.\n")
    Path("moot.toml").write_text("[limits]\nturns = 2\n")
    talk = ("talk", "script:ada.txt", "script:ada.txt", "Hello.", "--turns", "6", "--json")
    answer = moot_(*talk)
    assert (answer.code, answer.json["turns"]) == (4, 3)
    assert "may have 2 turns" in answer.json["why"]
    Path("moot.toml").write_text("[limits]\nturns = 6\n")
    assert moot_("resume", "--json").json["turns"] == 7


def test_every_table_in_the_documentation_is_read(home: Home) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        text = block
        if "[tool.moot" in block:
            home.says(project=text, name="pyproject.toml")
        else:
            home.says(text)
        assert home.load().sources
        home.says(name="pyproject.toml")

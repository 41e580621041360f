"""Experiments, models and tags that an application tells through the SDK are rows in SQL."""

from running.applications import run
from running.collector import Collector
from spanbook_schemas.ids import experiment_id


def test_experiments_models_and_tags_are_rows(collector: Collector) -> None:
    trace_id, model_id = run(
        collector,
        """
        import spanbook

        spanbook.set_experiment("entities")
        spanbook.create_experiment("entities described", description="No trace yet", tags={"team": "web"})
        spanbook.create_external_model("entities-v1", model_type="agent", params={"temperature": 0.1}, tags={"a": "b"})
        model = spanbook.set_active_model("entities-v1")

        @spanbook.trace
        def work() -> str:
            spanbook.update_current_trace(tags={"kept": "yes", "dropped": "yes"})
            return spanbook.get_current_trace_id()

        trace_id = work()
        spanbook.set_experiment("entities told later")
        spanbook.set_trace_tag(trace_id, "reviewed", "by hand")
        spanbook.delete_trace_tag(trace_id, "dropped")
        print(trace_id, model.model_id)
        """,
    )
    experiments = """
        SELECT name, experiment_id, description, tags, trace_count FROM experiments
        WHERE startsWith(name, 'entities') ORDER BY name
    """
    ids = {name: experiment_id("", name) for name in ("entities", "entities described", "entities told later")}
    wanted = [
        ["entities", ids["entities"], None, {}, 1],
        ["entities described", ids["entities described"], "No trace yet", {"team": "web"}, 0],
        ["entities told later", ids["entities told later"], None, {}, 0],
    ]
    collector.wait_until(lambda: collector.query(experiments) == wanted, "in `experiments`")
    models = """
        SELECT name, experiment_id, model_type, status, params, tags, trace_count FROM logged_models
        WHERE model_id = {model:String}
    """
    described = ["entities-v1", ids["entities"], "agent", "READY", {"temperature": "0.1"}, {"a": "b"}, 1]
    collector.wait_until(lambda: collector.query(models, model=model_id) == [described], "in `logged_models`")
    tags = "SELECT tags FROM traces WHERE trace_id = {trace:String}"
    told = [[{"kept": "yes", "reviewed": "by hand"}]]
    collector.wait_until(lambda: collector.query(tags, trace=trace_id) == told, "in `traces`")


def test_an_experiment_told_by_name_leaves_the_one_of_the_resource_alone(collector: Collector) -> None:
    run(
        collector,
        """
        import spanbook

        spanbook.set_experiment(experiment_id="feedfeedfeedfeed")
        with spanbook.start_span("work"):
            spanbook.set_experiment("named afterwards")
            spanbook.create_external_model("made afterwards")
        """,
    )
    collector.wait_until(
        lambda: collector.query("SELECT name FROM experiments WHERE name = 'named afterwards'") != [], "there"
    )
    belongs = "SELECT experiment_id FROM logged_models WHERE name = 'made afterwards'"
    wanted = [[experiment_id("", "named afterwards")]]
    collector.wait_until(lambda: collector.query(belongs) == wanted, "in `logged_models`")
    names = "SELECT DISTINCT value FROM entity_values WHERE entity = 'experiment' AND id = 'feedfeedfeedfeed'"
    assert collector.query(names) == []

import taipy as tp
from taipy import Config

from pipeline.config import configure

scenario_cfg = configure()

if __name__ == "__main__":
    tp.Orchestrator().run()
    tp.create_scenario(scenario_cfg)

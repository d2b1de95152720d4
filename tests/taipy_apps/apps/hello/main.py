import taipy as tp
from taipy import Config


def build_message(name):
    return f"Hello {name}!"


name_cfg = Config.configure_data_node(id="input_name", default_data="Florian")
message_cfg = Config.configure_data_node(id="message")
build_msg_cfg = Config.configure_task("build_msg", build_message, name_cfg, message_cfg)
scenario_cfg = Config.configure_scenario("scenario", task_configs=[build_msg_cfg])

if __name__ == "__main__":
    tp.Orchestrator().run()
    scenario = tp.create_scenario(scenario_cfg)
    tp.submit(scenario)
    print(scenario.message.read())

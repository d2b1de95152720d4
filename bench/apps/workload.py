"""The application that is measured."""

from scenarist import ConfigRegistry

CHAIN_LENGTH = 40
WIDTH = 100
WEB = 300

registry = ConfigRegistry()

noop = registry.configure_task("noop", "noops:nothing")
registry.configure_scenario("single", [noop], sequences={"all": [noop]})

start = registry.configure_data_node("start", default_data=1)
middle = registry.configure_data_node("middle")
end = registry.configure_data_node("end")
first = registry.configure_task("first", "noops:same", start, middle)
second = registry.configure_task("second", "noops:same", middle, end)
registry.configure_scenario("pair", [first, second], sequences={"all": [first, second]})

remembered = registry.configure_data_node("memory")
remember = registry.configure_task("remember", "noops:same", start, remembered, cache=True)
registry.configure_scenario("remembered", [remember])

slow_first = registry.configure_task("slow_first", "noops:slowly_same", start, middle)
slow_second = registry.configure_task("slow_second", "noops:slowly_same", middle, end)
registry.configure_scenario("slow_pair", [slow_first, slow_second])

nodes = [registry.configure_data_node("link_0", default_data=1)] + [
    registry.configure_data_node(f"link_{index}") for index in range(1, CHAIN_LENGTH + 1)
]
links = [
    registry.configure_task(f"step_{index}", "noops:same", nodes[index], nodes[index + 1])
    for index in range(CHAIN_LENGTH)
]
registry.configure_scenario("chain", links, sequences={"all": links})

alone = [
    registry.configure_task(
        f"alone_{index}",
        "noops:same",
        registry.configure_data_node(f"given_{index}", default_data=1),
        registry.configure_data_node(f"made_{index}"),
    )
    for index in range(WIDTH)
]
registry.configure_scenario("wide", alone)

# Each task of the web reads what two earlier ones have made, one of them from some way back.
made = [registry.configure_json_data_node(f"knot_{index}") for index in range(WEB)]
web = [
    registry.configure_task(
        f"weave_{index}",
        "noops:nothing",
        [
            made[back]
            for back in sorted({(index - 1) // 2, index - 1 - index * 7 % 30})
            if back >= 0
        ],
        made[index],
    )
    for index in range(WEB)
]
registry.configure_scenario("web", web)

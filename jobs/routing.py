"""Which queue serves which browser. A queue is a Redis list of the same name: messages can be pushed in a pipeline."""

from recovery.kinds import BrowserType

SIMULATION_QUEUE = "simulation"


def browser_queue(browser: BrowserType) -> str:
    """The queue whose workers have this browser."""
    return f"browser.{browser.value}"


def queue_for(browser: BrowserType | None) -> str:
    """The queue for an attempt in this browser, or in none: simulation."""
    return SIMULATION_QUEUE if browser is None else browser_queue(browser)


QUEUE_NAMES = (*(browser_queue(browser) for browser in BrowserType), SIMULATION_QUEUE)

import tools
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def build(url):
    return Agent(OpenAIChatModel("small", provider=OpenAIProvider(base_url=url, api_key="none")), tools=[tools.weather])


def run(url):
    return build(url).run_sync("How is the weather in Bern?").output

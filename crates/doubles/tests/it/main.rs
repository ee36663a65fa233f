//! The clients of `docent::providers` against the doubles, the doubles against the providers' own client libraries, and
//! the OpenAI-compatible client against a server that nobody here wrote.

mod contract;
mod gemini_client;
mod llama;
mod openai_client;
mod strictness;
mod support;

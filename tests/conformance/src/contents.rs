//! Tools that answer with every kind of content, and tools that tell how they are getting on.

use std::time::Duration;

use mcp_chassis::{Block, Embedded, Error, LogLevel, Media, Unstructured};
use tokio::time::sleep;

use crate::server::{text, tools};

/// One red pixel.
pub(crate) const PNG: &[u8] =
    b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\
    \x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0dIDATx\xdac\xfc\xff\x9f\xa1\x1e\x00\x07\x82\x02\
    \x7f=\xc8H\xef\x00\x00\x00\x00IEND\xaeB`\x82";

/// No sound at all.
const WAV: &[u8] =
    b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00D\xac\x00\x00\x88X\x01\x00\x02\
    \x00\x10\x00data\x00\x00\x00\x00";

/// What the suite leaves between two notices.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn picture() -> Block {
    Block::Image(Media::new(PNG, "image/png"))
}

fn resource(uri: &str, media_type: &str, text: &str) -> Block {
    let (uri, media_type, text) = (uri.to_owned(), media_type.to_owned(), text.to_owned());
    Block::Resource(Embedded { uri, media_type, text })
}

tools! {
    /// Returns simple text content.
    SimpleText {} = "test_simple_text" => |_it, _context| {
        Ok(text("This is a simple text response for testing."))
    }

    /// Returns image content.
    Image {} = "test_image_content" => |_it, _context| {
        Ok(Unstructured(vec![picture()]))
    }

    /// Returns audio content.
    Audio {} = "test_audio_content" => |_it, _context| {
        Ok(Unstructured(vec![Block::Audio(Media::new(WAV, "audio/wav"))]))
    }

    /// Returns an embedded resource.
    EmbeddedResource {} = "test_embedded_resource" => |_it, _context| {
        let text = "This is an embedded resource content.";
        Ok(Unstructured(vec![resource("test://embedded-resource", "text/plain", text)]))
    }

    /// Returns several types of content.
    Mixed {} = "test_multiple_content_types" => |_it, _context| {
        let data = r#"{"test":"data","value":123}"#;
        let data = resource("test://mixed-content-resource", "application/json", data);
        let text = Block::Text("Multiple content types test:".to_owned());
        Ok(Unstructured(vec![text, picture(), data]))
    }

    /// Always fails.
    Fails {} = "test_error_handling" => |_it, _context| {
        Err(Error::conflict("this tool intentionally returns an error for testing"))
    }

    /// Logs while it works.
    Logs {} = "test_tool_with_logging" => |_it, context| {
        for message in
            ["Tool execution started", "Tool processing data", "Tool execution completed"]
        {
            context.log(LogLevel::Info, message).await;
            sleep(PAUSE).await;
        }
        Ok(text("Logging test completed"))
    }

    /// Logs once.
    LogsOnce {} = "test_logging_tool" => |_it, context| {
        context.log(LogLevel::Info, "Logged once").await;
        Ok(text("Logged"))
    }

    /// Tells how far it is.
    Progresses {} = "test_tool_with_progress" => |_it, context| {
        for done in [0.0, 50.0, 100.0] {
            context.progress(done, Some(100.0), "Working").await;
            sleep(PAUSE).await;
        }
        Ok(text("Progress test completed"))
    }

    /// Takes long enough for a client to reconnect.
    Reconnects {} = "test_reconnection" => |_it, _context| {
        sleep(2 * PAUSE).await;
        Ok(text("Reconnection test completed"))
    }

    /// Changes nothing but says that the list of tools did.
    ChangesTools {} = "test_trigger_tool_change" => |_it, context| {
        context.tool_list_changed();
        Ok(text("Announced"))
    }

    /// Changes nothing but says that the list of prompts did.
    ChangesPrompts {} = "test_trigger_prompt_change" => |_it, context| {
        context.prompt_list_changed();
        Ok(text("Announced"))
    }

    /// Has a parameter that gateways route by.
    Routed {
        /// Where the data is
        #[schemars(extend("x-mcp-header" = "Region"))]
        #[validate(length(max = 100))]
        region: String
    } = "test_x_mcp_header" => |it, _context| {
        Ok(text(format!("Region: {}", it.region)))
    }
}

//! Sorts issues by words, in Zig, without generated bindings:
//!
//!     zig build-exe -target wasm32-freestanding -O ReleaseSafe -fno-entry -rdynamic -femit-bin=words.module.wasm words.zig
//!     autoissue plugin build words.module.wasm --out words.wasm
//!
//! `autoissue plugin build` finds the interfaces from the exports.

const std = @import("std");
const plugin = @import("plugin.zig");

const Text = plugin.Text;

/// Sends the text of a panic to the author.
pub const panic = plugin.panic;

const Rule = struct { word: []const u8, domain: []const u8 };

/// Words in lower case; the first one that is mentioned decides.
const rules = [_]Rule{
    .{ .word = "invoice", .domain = "billing" },
    .{ .word = "refund", .domain = "billing" },
    .{ .word = "index", .domain = "search" },
    .{ .word = "ranking", .domain = "search" },
};

var reasons: [1]Text = undefined;
var answer: plugin.Answer = undefined;
var checked: plugin.Checked = .{};

fn classify(question: *const plugin.Question) callconv(.c) *const plugin.Answer {
    answer = .{ .value = .{ .answer = .{ .domain = .of("unknown") } } };
    const issue = question.issue;
    for (rules) |rule| {
        if (mentions(issue.title.items(), rule.word) or mentions(issue.body.items(), rule.word)) {
            plugin.print(.debug, "issue {d} is about {s}", .{ issue.number, rule.domain });
            reasons = .{.of(plugin.text("mentions `{s}`", .{rule.word}))};
            answer.value.answer = .{ .domain = .of(rule.domain), .confidence = 0.7, .reasons = .of(&reasons) };
            break;
        }
    }
    return &answer;
}

/// Returns whether a text contains a whole word.
fn mentions(text: []const u8, word: []const u8) bool {
    var from: usize = 0;
    while (std.ascii.indexOfIgnoreCasePos(text, from, word)) |at| : (from = at + 1) {
        const end = at + word.len;
        if ((at == 0 or !isLetter(text[at - 1])) and (end == text.len or !isLetter(text[end]))) return true;
    }
    return false;
}

/// Non-ASCII bytes count as letters.
fn isLetter(c: u8) bool {
    return std.ascii.isAlphanumeric(c) or c == '_' or 0x80 <= c;
}

const info = plugin.Info{
    .name = .of("zig-words"),
    .version = .of("0.1.0"),
    .description = .of("Sorts issues by words, in Zig"),
    .strategies = .of(&.{.{
        .kind = .of("classifier"),
        .name = .of("words"),
        .summary = .of("Sorts issues by the words that they mention"),
    }}),
};

fn describe() callconv(.c) *const plugin.Info {
    return &info;
}

/// There are no settings, so any settings are invalid.
fn checkSettings(_: [*]u8, _: usize, _: [*]u8, _: usize, _: [*]u8, n_settings: usize) callconv(.c) *const plugin.Checked {
    if (n_settings != 0) checked = .{
        .is_error = true,
        .problem = .{ .which = .invalid_settings, .text = .of("this strategy takes no settings") },
    };
    return &checked;
}

comptime {
    @export(&classify, .{ .name = "autoissue:classifier/classifier@0.1.0#classify" });
    @export(&describe, .{ .name = "autoissue:plugin/metadata@0.1.0#describe" });
    @export(&checkSettings, .{ .name = "autoissue:plugin/metadata@0.1.0#check-settings" });
}

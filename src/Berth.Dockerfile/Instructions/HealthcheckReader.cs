using System.Globalization;
using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>HEALTHCHECK and its flags.</summary>
internal static class HealthcheckReader
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    public static HealthcheckInstruction Read(InstructionNode node)
    {
        string type = node.Words[0].ToUpperInvariant();
        var flags = new FlagReader(node, texts: ["interval", "timeout", "start-period", "start-interval", "retries"]);
        if (type == "NONE")
        {
            return node.Words.Count > 1 ? throw FlagReader.Wrong(node, "HEALTHCHECK NONE takes no arguments")
                : node.Flags.Count > 0 ? throw FlagReader.Wrong(node, $"HEALTHCHECK NONE takes no options: {node.Flags[0]}")
                : new HealthcheckInstruction(node, ["NONE"]);
        }

        if (type != "CMD")
        {
            throw FlagReader.Wrong(node, $"Unknown type {QuotedText.Of(type)} in HEALTHCHECK (try CMD)");
        }

        if (node.Words.Count == 1)
        {
            throw FlagReader.Wrong(node, "Missing command after HEALTHCHECK CMD");
        }

        return new HealthcheckInstruction(node, [node.IsJson ? "CMD" : "CMD-SHELL", .. node.Words.Skip(1)])
        {
            Interval = GetTime(node, flags, "interval"),
            Timeout = GetTime(node, flags, "timeout"),
            StartPeriod = GetTime(node, flags, "start-period"),
            StartInterval = GetTime(node, flags, "start-interval"),
            Retries = GetRetries(node, flags),
        };
    }

    private static TimeSpan? GetTime(InstructionNode node, FlagReader flags, string name)
    {
        if (flags.GetText(name) is not { Length: > 0 } text)
        {
            return null;
        }

        if (!GoDuration.TryParse(text, out TimeSpan time, out string error))
        {
            throw FlagReader.Wrong(node, error);
        }

        return time == TimeSpan.Zero ? null
            : time >= Shortest ? time
            : throw FlagReader.Wrong(node, $"Interval \"{name}\" cannot be less than 1ms");
    }

    private static int? GetRetries(InstructionNode node, FlagReader flags)
    {
        if (flags.GetText("retries") is not { Length: > 0 } text)
        {
            return null;
        }

        string digits = text[0] is '-' or '+' ? text[1..] : text;
        if (digits.Length == 0 || !digits.All(char.IsAsciiDigit))
        {
            throw FlagReader.Wrong(node, $"strconv.ParseInt: parsing {QuotedText.Of(text)}: invalid syntax");
        }

        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int retries))
        {
            throw FlagReader.Wrong(node, $"strconv.ParseInt: parsing {QuotedText.Of(text)}: value out of range");
        }

        return retries switch
        {
            0 => null,
            > 0 => retries,
            _ => throw FlagReader.Wrong(node, string.Create(CultureInfo.InvariantCulture, $"--retries must be at least 1 (not {retries})")),
        };
    }
}

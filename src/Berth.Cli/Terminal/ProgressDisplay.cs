using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Linux;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli.Terminal;

/// <summary>
/// The steps of a pull, push, load or import, as the stock CLI shows them: on a terminal each thing that is worked on has a line of its own, drawn anew in place; elsewhere each
/// step that is no mere progress is a line. Not safe for concurrent use.
/// </summary>
internal sealed class ProgressDisplay
{
    private const int UnknownWidth = 200;

    private readonly TextOutput output;
    private readonly Func<int>? width;
    private readonly Dictionary<string, int> lines = new(StringComparer.Ordinal);

    /// <param name="output">Where to; flushed after each step.</param>
    /// <param name="width">The present columns of the terminal there; null when it is none.</param>
    public ProgressDisplay(TextOutput output, Func<int>? width)
    {
        this.output = output;
        this.width = width;
    }

    /// <summary>Gets what is told beside the text.</summary>
    public Action<JsonElement>? Aside { get; set; }

    /// <summary>On stdout.</summary>
    public static ProgressDisplay OnOutput(CliContext context) => new(context.Out, WidthOf(1));

    /// <summary>On stderr, beside another command's output.</summary>
    public static ProgressDisplay OnError(CliContext context) => new(context.Error, WidthOf(2));

    /// <summary>Shows nothing, but fails as the others do.</summary>
    public static ProgressDisplay Silent() => new(new TextOutput(Stream.Null), width: null);

    /// <summary>Writes text that is no step, as it is.</summary>
    public void Write(string text)
    {
        lines.Clear();
        output.Write(text);
        output.Flush();
    }

    /// <summary>Shows a step.</summary>
    /// <exception cref="CommandFailedException">The step is the operation's failure, in the daemon's words.</exception>
    public void Show(JsonMessage step)
    {
        if (step.Aux is { } aside)
        {
            Aside?.Invoke(aside);
            return;
        }

        if (step.ErrorDetail is { } error)
        {
            output.Flush();
            throw new CommandFailedException(error.Message ?? step.Error ?? "", exitCode: 1) { IsOfEngine = true };
        }

        int up = 0;
        bool hasLine = !string.IsNullOrEmpty(step.Id) && (step.ProgressDetail is not null || !string.IsNullOrEmpty(step.Progress));
        if (hasLine)
            up = GoToLine(step.Id!); // hasLine says that it is there
        else
            lines.Clear(); // what was drawn before stays as it is

        string text = Describe(step);
        output.Write(up > 0 && width is not null ? $"{Move(up, 'A')}{text}{Move(up, 'B')}" : text);
        output.Flush();
    }

    private static Func<int>? WidthOf(int fd) => !LocalTerminal.IsTerminal(fd) ? null : () =>
    {
        try
        {
            return WindowSize.Of(fd).Columns;
        }
        catch (LinuxException)
        {
            return UnknownWidth; // hung up meanwhile
        }
    };

    private static string Move(int count, char direction) => string.Create(CultureInfo.InvariantCulture, $"\e[{count}{direction}");

    // How many lines above the present one the thing's line is; a new one is made at the end.
    private int GoToLine(string id)
    {
        if (!lines.TryGetValue(id, out int line))
        {
            line = lines.Count;
            lines[id] = line;
            output.Write(width is null ? "" : "\n");
        }

        return lines.Count - line;
    }

    private string Describe(JsonMessage step)
    {
        string bar = step.ProgressDetail is { } progress ? PrintableText.Line(ProgressBar.Render(progress, width?.Invoke() ?? UnknownWidth, DateTimeOffset.UtcNow)) : "";
        bool redraws = width is not null && step.ProgressDetail is not null && string.IsNullOrEmpty(step.Stream);
        if (!redraws && bar.Length > 0)
            return ""; // no terminal, and no more than progress

        string start = redraws ? "\e[2K\r" : "";
        string end = redraws ? "\r" : "";
        string subject = string.IsNullOrEmpty(step.Id) ? "" : PrintableText.Line(step.Id) + ": ";
        string status = PrintableText.Line(step.Status);
        return start + subject + (width is not null && step.ProgressDetail is not null ? $"{status} {bar}{end}"
            : !string.IsNullOrEmpty(step.Progress) ? $"{status} {PrintableText.Line(step.Progress)}{end}"
            : !string.IsNullOrEmpty(step.Stream) ? PrintableText.Lines(step.Stream) + end
            : $"{status}{end}\n");
    }
}

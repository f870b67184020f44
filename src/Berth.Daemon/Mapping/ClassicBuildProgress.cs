using System.Text;
using Berth.Api;
using Berth.Build.Progress;
using Berth.Model;

namespace Berth.Daemon.Mapping;

/// <summary>
/// Tells a build in the words of docker's classic builder: one step after the other, as they stand in the file. Steps that are done beside the one that is being told are told when their turn comes.
/// </summary>
/// <param name="write">Gets the lines, one at a time.</param>
internal sealed class ClassicBuildProgress(Action<JsonMessage> write) : IBuildProgress
{
    private const int ShortIdLength = 12;
    private const int MostPartial = 4096;
    private readonly Lock gate = new();
    private readonly Dictionary<int, KeptMessages> waiting = [];
    private readonly HashSet<int> completed = [];
    private readonly HashSet<int> begun = [];
    private readonly Dictionary<Digest, ContainerId> running = [];
    private readonly Dictionary<(Digest, bool), Decoder> decoders = [];
    private readonly Dictionary<Digest, string> partial = [];
    private int current = 1;

    /// <summary>How docker shortens an id.</summary>
    public static string Short(Digest id) => id.IsEmpty ? "" : id.Hex[..ShortIdLength];

    /// <inheritdoc/>
    public void Report(BuildEvent what)
    {
        lock (gate)
        {
            int number = what.Vertex.Number;
            foreach (JsonMessage message in Describe(what))
            {
                Write(number, message);
            }

            if (what is VertexCompleted { Error: null } && completed.Add(number))
            {
                Advance();
            }
        }
    }

    /// <summary>Tells all that is left: what steps beside the one that failed have told.</summary>
    public void Finish()
    {
        lock (gate)
        {
            foreach (int number in waiting.Keys.Order().ToList())
            {
                waiting.Remove(number, out KeptMessages? left);
                left!.Take().ForEach(write); // its own key
            }
        }
    }

    private static JsonMessage Text(string text) => new() { Stream = text };

    private void Write(int number, JsonMessage message)
    {
        if (number <= current)
        {
            write(message);
        }
        else
        {
            (waiting.TryGetValue(number, out KeptMessages? messages) ? messages : waiting[number] = new KeptMessages()).Add(message);
        }
    }

    private void Advance()
    {
        while (completed.Contains(current))
        {
            current++;
            if (waiting.Remove(current, out KeptMessages? messages))
            {
                messages.Take().ForEach(write);
            }
        }
    }

    private IEnumerable<JsonMessage> Describe(BuildEvent what)
    {
        switch (what)
        {
            case VertexStarted when begun.Add(what.Vertex.Number): // a trigger has the number of its FROM
                return [Text($"Step {what.Vertex.Number}/{what.Vertex.Total} : {what.Vertex.Text}"), Text("\n")];
            case VertexRunning run:
                running[run.Vertex.Digest] = run.Id;
                return [Text($" ---> Running in {run.Id.Short}\n")];
            case VertexLog { IsError: true } log:
                return Lines(log.Vertex.Digest, Decode(log));
            case VertexLog log:
                return [Text(Decode(log))];
            case VertexNotice notice:
                return [Text(notice.Text)];
            case VertexStatus status:
                return [new JsonMessage { Status = status.Status, Id = status.Name.Length > 0 ? status.Name : null, ProgressDetail = status.Name.Length > 0 ? new JsonProgress { Current = status.Done, Total = status.Total } : null }];
            case VertexCompleted end:
                return [.. Lines(end.Vertex.Digest, null), .. end.Error is null ? Describe(end) : []];
            default:
                return [];
        }
    }

    private IEnumerable<JsonMessage> Describe(VertexCompleted end)
    {
        if (end.IsCached)
        {
            yield return Text(" ---> Using cache\n");
        }

        if (running.Remove(end.Vertex.Digest, out ContainerId id))
        {
            yield return Text($"Removing intermediate container {id.Short}\n");
        }

        if (!end.Image.IsEmpty || end.Vertex.Text.StartsWith("FROM", StringComparison.OrdinalIgnoreCase))
        {
            yield return Text($" ---> {Short(end.Image)}\n");
        }
    }

    // Errors are shown in red, a line at a time: programs write them in pieces.
    private IEnumerable<JsonMessage> Lines(Digest step, string? more)
    {
        string text = partial.GetValueOrDefault(step, "") + more;
        int end = more is null || text.Length > MostPartial ? text.Length : text.LastIndexOf('\n') + 1;
        partial[step] = text[end..];
        return end == 0 ? [] : [Text($"\x1b[91m{text[..end]}\x1b[0m")];
    }

    private string Decode(VertexLog log)
    {
        if (!decoders.TryGetValue((log.Vertex.Digest, log.IsError), out Decoder? decoder))
        {
            decoder = Encoding.UTF8.GetDecoder();
            decoders.Add((log.Vertex.Digest, log.IsError), decoder);
        }

        char[] characters = new char[log.Data.Length + 1];
        return new string(characters, 0, decoder.GetChars(log.Data.Span, characters, flush: false));
    }
}

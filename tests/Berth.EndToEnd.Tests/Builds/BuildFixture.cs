using System.Buffers.Binary;
using System.Formats.Tar;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Builds;

/// <summary>A daemon that builds, and at the end has nothing of a step any more; what is kept for later builds goes with its data root.</summary>
public sealed class BuildFixture : IAsyncLifetime
{
    private RunningDaemon? daemon;

    public RunningDaemon Daemon => daemon ?? throw new InvalidOperationException("the daemon was not started");

    public async Task InitializeAsync() => daemon = await RunningDaemon.CreateAsync();

    public async Task DisposeAsync()
    {
        if (daemon is null)
        {
            return;
        }

        await using RunningDaemon ending = daemon;
        await ending.RemoveEverythingAsync();
        Assert.Equal(0, await ending.StopAsync());
        await Leftovers.AssertNoneAsync(ending, imagesToo: false);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(ending.DataRoot, "builds/mounts")));
    }

    /// <summary>Builds without a network and without telling it a name; the whole of what the daemon said, errors included.</summary>
    /// <param name="dockerfile">What to build.</param>
    /// <param name="secrets">By their ids.</param>
    /// <param name="options">More of the query.</param>
    /// <param name="files">The context: names that end with a slash are folders, contents that begin with "->" links.</param>
    public async Task<string> BuildAsync(string dockerfile, Dictionary<string, string>? secrets = null, string options = "", params (string Name, string Content)[] files)
    {
        using MemoryStream body = new();
        if (secrets is not null)
        {
            byte[] head = Encoding.UTF8.GetBytes(new JsonObject
            {
                ["Secrets"] = new JsonObject(secrets.Select(static secret => KeyValuePair.Create(secret.Key, (JsonNode?)Convert.ToBase64String(Encoding.UTF8.GetBytes(secret.Value))))),
            }.ToJsonString());
            byte[] length = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(length, (uint)head.Length);
            body.Write(length);
            body.Write(head);
        }

        using (TarWriter tar = new(body, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach ((string name, string content) in files.Prepend(("Dockerfile", dockerfile)))
            {
                tar.WriteEntry(content.StartsWith("->", StringComparison.Ordinal)
                    ? new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = content[2..] }
                    : name.EndsWith('/') ? new PaxTarEntry(TarEntryType.Directory, name)
                    : new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) });
            }
        }

        using ByteArrayContent sent = new(body.ToArray());
        sent.Headers.ContentType = new MediaTypeHeaderValue(secrets is null ? "application/x-tar" : "application/vnd.berth.build");
        Reply reply = await Daemon.Api.SendAsync(HttpMethod.Post, "/build?networkmode=none" + options, sent);
        if (reply.Status != HttpStatusCode.OK)
        {
            return $"{(int)reply.Status} {reply.Message}";
        }

        StringBuilder text = new();
        foreach (string line in reply.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            JsonElement message = JsonDocument.Parse(line).RootElement;
            text.Append(message.TryGetProperty("stream", out JsonElement stream) ? stream.GetString() : message.TryGetProperty("error", out JsonElement error) ? $"ERROR {error.GetString()}\n" : "");
        }

        return text.ToString();
    }

    /// <summary>Names in the image's uppermost layers beside those of busybox, each with its layer's place.</summary>
    public async Task<IReadOnlyList<string>> LayerNamesAsync(string image)
    {
        using MemoryStream saved = new(await Daemon.Api.GetBytesAsync($"/images/{image}/get"));
        List<(string Name, byte[] Content)> members = [];
        using TarReader outer = new(saved);
        while (await outer.GetNextEntryAsync(copyData: true) is { } member)
        {
            if (member.DataStream is not null)
            {
                using MemoryStream content = new();
                await member.DataStream.CopyToAsync(content);
                members.Add((member.Name, content.ToArray()));
            }
        }

        JsonArray layers = JsonNode.Parse(members.Single(static member => member.Name == "manifest.json").Content)!.AsArray()[0]!["Layers"]!.AsArray(); // docker's form
        List<string> names = [];
        foreach (string layer in layers.Skip(1).Select(static layer => layer!.GetValue<string>()))
        {
            using TarReader inner = new(new MemoryStream(members.Single(member => member.Name == layer).Content));
            while (await inner.GetNextEntryAsync() is { } entry)
            {
                names.Add(entry.Name.TrimEnd('/'));
            }
        }

        return names;
    }
}

using System.Net;
using System.Text.Json.Nodes;
using Berth.Storage;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>What goes to a registry, and what a check puts right.</summary>
internal sealed partial class FailPointRun
{
    // To a repository that no case before this one has pushed to. Its upper layer, which is plain, is packed and recorded before anything is sent.
    private async Task PushImageAsync()
    {
        string repository = "pushed/" + Guid.NewGuid().ToString("N"), remote = $"{registry}/{repository}";
        await LoadAsync();
        (await Api.PostAsync($"/images/victim/tag?repo={remote}")).Expect(HttpStatusCode.Created);
        await FailAsync(async () => Assert.Contains("latest: digest: ", await SendAsync(daemon, remote), StringComparison.Ordinal));

        // All of it is there before its digest is recorded here.
        using var content = new RegistryContent(registry ?? throw new InvalidOperationException("there is no registry"));
        bool isSent = point.StartsWith("push.", StringComparison.Ordinal) || point.EndsWith(":2", StringComparison.Ordinal);
        string digest = isSent ? (await content.GetAsync(repository, "latest")).Digest : "";
        AssertDone(isSent && await HasDigestAsync(remote, digest), [FailPoints.JournalSynced + ":2", FailPoints.PushRecorded], [FailPoints.PushSent]);
        await CheckWholeAsync("victim", isThere: true);

        string told = await SendAsync(daemon, remote);
        Document there = await content.GetAsync(repository, "latest");
        Assert.Contains("latest: digest: " + there.Digest, told, StringComparison.Ordinal);
        if (isSent)
        {
            Assert.Equal(digest, there.Digest);
            Assert.Contains("Layer already exists", told, StringComparison.Ordinal);
            Assert.DoesNotContain("Pushed\"", told, StringComparison.Ordinal);
        }

        Assert.True(await HasDigestAsync(remote, there.Digest), "the digest is recorded");
        (await Api.DeleteAsync($"/images/{remote}")).Expect(HttpStatusCode.OK);
    }

    private async Task<bool> HasDigestAsync(string remote, string digest) =>
        (await Api.GetAsync("/images/victim/json")).Expect(HttpStatusCode.OK).Json["RepoDigests"]!.AsArray().Any(name => (string?)name == $"{remote}@{digest}"); // docker's member

    // The layer is the one of before or the good one, never a mixture, and never absent; what was unpacked beside it goes.
    private async Task RepairAsync()
    {
        string file = Directory.GetFiles(Path.Combine(daemon.DataRoot, "snapshots/layers"), "group", SearchOption.AllDirectories).Single();
        string good = await File.ReadAllTextAsync(file), damaged = good.Replace("root", "toor", StringComparison.Ordinal);
        string other = Path.Combine(Path.GetDirectoryName(file) ?? "", "passwd");
        string otherGood = await File.ReadAllTextAsync(other);
        foreach (string one in (string[])[file, other])
        {
            await File.WriteAllTextAsync(one, (await File.ReadAllTextAsync(one)).Replace("root", "toor", StringComparison.Ordinal));
        }

        await FailAsync(() => CheckAsync(isRepair: true));
        string found = await File.ReadAllTextAsync(file);
        Assert.Contains(found, (string[])[good, damaged]);
        bool isDone = found == good;
        Assert.Equal(isDone, await File.ReadAllTextAsync(other) == otherGood);
        AssertDone(isDone, [FailPoints.RepairExchanged], [FailPoints.RepairStaged]);
        await CheckWholeAsync("busybox", isThere: true);

        Assert.Equal(isDone ? 0 : 1, (int)(await CheckAsync(isRepair: false))["Broken"]!); // a member of ours
        JsonNode repaired = await CheckAsync(isRepair: true);
        Assert.Equal((0, isDone ? 0 : 1), ((int)repaired["Broken"]!, (int)repaired["Repaired"]!)); // as above
        Assert.Equal((good, otherGood), (await File.ReadAllTextAsync(file), await File.ReadAllTextAsync(other)));
        Assert.Equal(0, (int)(await CheckAsync(isRepair: false))["Broken"]!); // as above
    }

    private async Task<JsonNode> CheckAsync(bool isRepair)
    {
        string[] lines = (await Api.PostAsync($"/berth/storage/check?repair={(isRepair ? 1 : 0)}")).Expect(HttpStatusCode.OK).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return JsonNode.Parse(lines[^1])?["Summary"] ?? throw new InvalidOperationException($"no summary: {string.Join('\n', lines)}");
    }
}

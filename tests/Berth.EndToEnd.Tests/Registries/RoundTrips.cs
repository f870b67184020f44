using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>What came from a registry goes to one as it came, whatever it is made of; skopeo sees the same.</summary>
public sealed class RoundTrips(RegistryFixture fixture) : IClassFixture<RegistryFixture>
{
    public static TheoryData<string, string, string> All
    {
        get
        {
            var all = new TheoryData<string, string, string>();
            foreach (string format in (string[])["OCI", "Docker"])
            {
                foreach (string packing in (string[])["gzip", "zstd", "none"])
                {
                    all.Add(format, packing, "single");
                    all.Add(format, packing, "index");
                }
            }

            return all;
        }
    }

    [Theory, MemberData(nameof(All))]
    public async Task EveryKindOfImageKeepsItsDigest(string formatName, string packing, string kind)
    {
        ImageFormat format = formatName == "OCI" ? ImageFormat.Oci : ImageFormat.Docker;
        string from = fixture.NewRepository();
        byte[][] layers = [RegistryContent.Noise(from.Length, 300_000), [.. RegistryContent.Noise(1, 100), .. System.Text.Encoding.UTF8.GetBytes(from)]];
        Document manifest = await fixture.Content.PutImageAsync(from, "single", format, packing, layers);
        Document wanted = kind == "single" ? manifest : await fixture.Content.PutIndexAsync(from, "index", format, (manifest, "amd64"));
        Cli berth = fixture.Berth;
        string source = $"{fixture.Address}/{from}:{kind}";
        Assert.Contains("Digest: " + wanted.Digest, (await berth.RunAsync("pull", source)).Expect().Output, StringComparison.Ordinal);
        Assert.Contains($"{fixture.Address}/{from}@{wanted.Digest}", (await berth.RunAsync("inspect", "-f", "{{json .RepoDigests}}", source)).Expect().Output, StringComparison.Ordinal);

        // Berth -> registry
        string to = fixture.NewRepository();
        (await berth.RunAsync("tag", source, $"{fixture.Address}/{to}:1")).Expect();
        Assert.Contains($"1: digest: {wanted.Digest} size: {wanted.Content.Length}", (await berth.RunAsync("push", $"{fixture.Address}/{to}:1")).Expect().Output, StringComparison.Ordinal);
        Document pushed = await fixture.Content.GetAsync(to, "1");
        Assert.Equal((wanted.MediaType, wanted.Digest), (pushed.MediaType, pushed.Digest));

        // skopeo checks what Berth pushed, and pushes it on; Berth pulls that.
        string on = fixture.NewRepository();
        if (formatName == "Docker" && packing == "zstd")
        {
            on = to; // skopeo has no such media type
        }
        else
        {
            (await fixture.SkopeoAsync("copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", $"docker://{fixture.Address}/{to}:1", $"docker://{fixture.Address}/{on}:1")).Expect();
        }

        (await berth.RunAsync("rmi", "-f", source, $"{fixture.Address}/{to}:1")).Expect();
        Assert.Contains("Digest: " + wanted.Digest, (await berth.RunAsync("pull", $"{fixture.Address}/{on}:1")).Expect().Output, StringComparison.Ordinal);
        byte[] file = await FileAsync(berth, $"{fixture.Address}/{on}:1");
        Assert.Equal(layers[0], file);
    }

    // The image has no program to run: its file is copied out of a container that never starts.
    private static async Task<byte[]> FileAsync(Cli berth, string image)
    {
        string id = (await berth.RunAsync("create", "--network", "none", image, "/file0")).Expect().Line;
        byte[] archive = (await berth.RunAsync("cp", $"{id}:/file0", "-")).Expect().OutputBytes;
        (await berth.RunAsync("rm", id)).Expect();
        using var reader = new System.Formats.Tar.TarReader(new MemoryStream(archive));
        using var content = new MemoryStream();
        (await reader.GetNextEntryAsync())!.DataStream!.CopyTo(content); // cp writes the one file that it was asked for
        return content.ToArray();
    }
}

using System.Net;
using Berth.EndToEnd.Tests.Builds;
using Berth.Storage;

namespace Berth.EndToEnd.Tests.Support;

/// <content>Builds.</content>
internal sealed partial class FailPointRun
{
    // The image is there whole or not at all; steps that are recorded are whole, and the build is repeated in either case.
    private async Task BuildAsync()
    {
        await FailAsync(async () => Assert.Contains("Successfully built", await BuildOnceAsync(fails: false), StringComparison.Ordinal));
        bool isThere = (await Api.GetAsync("/images/built/json")).Status == HttpStatusCode.OK;
        AssertDone(
            isThere,
            [FailPoints.ImageRecorded, FailPoints.StepsRecorded],
            [FailPoints.StepPrepared, FailPoints.StepStarted, FailPoints.ImageBlobPublished, FailPoints.ImageLayerPublished, FailPoints.ImageDocumentWritten, FailPoints.ImageSynced]);
        await Leftovers.AssertNoStepsAsync(daemon);
        Assert.Contains("Successfully built", await BuildOnceAsync(fails: false), StringComparison.Ordinal);
        var request = EngineHttp.Request(["sh", "-c", "test \"$(cat /made /copied)\" = \"made\ncopied\""]);
        request["Image"] = "built";
        (await Api.PostAsync($"/containers/create?name={Subject}", request)).Expect(HttpStatusCode.Created);
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(0, await WaitAsync(Subject));
    }

    private async Task FailingBuildAsync()
    {
        await FailAsync(async () => Assert.Contains("returned a non-zero code: 3", await BuildOnceAsync(fails: true), StringComparison.Ordinal));
        await Leftovers.AssertNoStepsAsync(daemon);
        string again = await BuildOnceAsync(fails: true);
        Assert.Contains("returned a non-zero code: 3", again, StringComparison.Ordinal);
        if (point == FailPoints.StepsRecorded)
        {
            Assert.Contains("Using cache", again, StringComparison.Ordinal);
        }
    }

    private async Task<string> BuildOnceAsync(bool fails)
    {
        string dockerfile = "FROM busybox\nRUN echo made > /made\nCOPY file /copied\n" + (fails ? "RUN exit 3\n" : "");
        return (await Api.SendAsync(HttpMethod.Post, "/build?t=built&networkmode=none", new BuildTar(dockerfile).File("file", "copied\n").ToContent())).Expect(HttpStatusCode.OK).Text;
    }
}

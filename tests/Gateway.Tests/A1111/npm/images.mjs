// Calls a gateway with stable-diffusion-api, and prints what it answers as JSON. Arguments: the base address, an API key,
// a model that takes images, and an upscaler.
import sdapi from 'stable-diffusion-api';
import sharp from 'sharp';

const [baseUrl, key, editor, upscaler] = process.argv.slice(2);
const { StableDiffusionApi } = sdapi;
const api = new StableDiffusionApi({ baseUrl, defaultSampler: 'Euler a', defaultStepCount: 4, timeout: 60000 });
api.setAuth('anyone', key);
const report = {};

report.models = (await api.getSdModels()).map(model => model.model_name);
await api.setModel(report.models[0], false);
report.current = await api.getCurrentModel();
report.samplers = (await api.getSamplers()).map(sampler => sampler.name);
report.upscalers = (await api.getUpscalers()).map(upscaler => upscaler.name);
report.options = await api.getOptions();
report.progress = await api.getProgress();

const made = await api.txt2img({ prompt: '(ab:1.2) a', negative_prompt: 'b', seed: 7, width: 32, height: 32, cfg_scale: 3, batch_size: 2 });
report.made = await Promise.all(made.response.data.images);
report.info = JSON.parse(made.info);

const image = sharp({ create: { width: 64, height: 64, channels: 3, background: { r: 200, g: 30, b: 30 } } });
const changed = await api.img2img({
  init_images: [image], prompt: 'ab', width: 64, height: 64, denoising_strength: 0.5, override_settings: { sd_model_checkpoint: editor },
});
report.changed = changed.images.length;
report.changedInfo = JSON.parse(changed.info);

const larger = await api.extraSingle({ image, upscaler_1: upscaler, upscaling_resize: 2 });
const size = await larger.image.metadata();
report.larger = [size.width, size.height];

try {
  await api.txt2img({ prompt: 'a', sampler_name: 'nothing' });
} catch (error) {
  report.missing = [error.response.status, error.response.data.detail];
}
console.log(JSON.stringify(report));
